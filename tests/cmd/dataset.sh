#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dataset: the tree of the example, every kind of fault by its place, what is scaffolded and
# pasted, and that nothing is changed or lost on the way.
. "${0%/*}/../lib.sh"

test_built dataset || test_skip_all "dataset is not built"
model=$TOP/examples/tiny.gguf
topic=topics/a/b/a.b.core.json

dataset() { "$BIN/dataset" "$@" 2>stderr </dev/null; }

# structure FIELDS: with these beside the name of the one subcategory a.b.
structure() {
    printf '{"name": "set", "content_types": ["core"], "categories": [{"name": "a", "tags": ["a"],
"subcategories": [{"name": "b", "tags": ["b", "a"]%s}]}]}' "$1" >structure.enriched.json
}

# ==== the example ====

test_expect_success 'the example: rows in order, with everything in them' '
    cp -r "$TOP/examples/dataset" example
    dataset build --structure example/structure.enriched.json -o example.jsonl
    test "$(wc -l <example.jsonl)" = 12
    sed -n 1p example.jsonl | grep "^{\"question\": \"High water was at 6:20. Odo expects"
    sed -n 1p example.jsonl | grep "\"difficulty\": 1, \"tags\": \[\"harbour\", \"time\", \"arithmetic\"\]"
    sed -n 3p example.jsonl | grep "\"difficulty\": 3, \"tags\": \[\"harbour\", \"time\", \"arithmetic\", \"fractions\"\]"
    sed -n 4p example.jsonl | grep "\"drill\"\], \"metadata\": {\"dataset\": \"lighthouse\", \"category\": \"harbour\", \"subcategory\": \"tides\", \"content_type\": \"drill\", \"source\": \"harbour/tides/harbour.tides.drill.json\", \"difficulty\": \"simple\", \"row\": 1}}$"
    sed -n 6p example.jsonl | grep "harbour:..One long flash: come in.*at all...The tower"
    sed -n 7p example.jsonl | grep "\"metadata\": {\"reviewed\": true, \"dataset\""
    sed -n 9p example.jsonl | grep "such as \${NAME}, that"
    grep "all  *12 " stderr
    grep "difficulty 3, several steps: 3" stderr'

test_expect_success 'the same tree from elsewhere, other placeholders, no table, standard output' '
    sed s/Odo/Ida/ example/placeholders.json >example/other.json
    dataset build --structure "$PWD/example/structure.enriched.json" \
        --topics-dir example/topics --schemas-dir example/schemas \
        --placeholders example/other.json --no-stats >other.jsonl
    sed s/Odo/Ida/g example.jsonl | cmp - other.jsonl
    test "$(cat stderr)" = "dataset: 12 rows in 4 topics"'

test_expect_success 'the schemas of the example are those that scaffold writes and that hold without' '
    mv example/schemas kept
    dataset build --structure example/structure.enriched.json -q -o bare.jsonl
    cmp bare.jsonl example.jsonl
    dataset scaffold --structure example/structure.enriched.json
    diff -r kept example/schemas
    test "$(wc -l <stderr)" = 3'

if [ -f "$model" ]; then
    test_expect_success 'lengths in tokens, by the vocabulary of a model' '
        dataset build --structure example/structure.enriched.json --tokenizer-path "$model" \
            -o counted.jsonl
        cmp counted.jsonl example.jsonl
        grep "lengths in tokens" stderr
        printf "High water was at 9:45. When is low water, six hours and ten minutes later?" >q
        n=$("$BIN/tokenize" -m "$model" --no-bos --text q 2>/dev/null | wc -w)
        printf "High water was at 21:55. When is low water, six hours and ten minutes later?" >q
        n=$((n + $("$BIN/tokenize" -m "$model" --no-bos --text q 2>/dev/null | wc -w)))
        grep "harbour.tides.drill  *2  *$n " stderr'
else
    test_skip 'lengths in tokens' 'no examples/tiny.gguf'
fi

# ==== scaffold ====

test_expect_success 'scaffold: from nothing to a tree that wants rows alone' '
    mkdir new
    dataset scaffold --begin --structure new/structure.enriched.json
    test "$(cat new/topics/subject/topic/subject.topic.core.json)" = "[]"
    grep "made .new/schemas/difficulty.json." stderr
    test_expect_code 1 dataset check --structure new/structure.enriched.json
    grep "warning: .*subject.topic.core.json. has no rows yet" stderr
    grep "has no rows$" stderr'

test_expect_success 'scaffold: nothing that is there is changed' '
    echo "my own words" >new/topics/subject/topic/subject.topic.core.json
    echo "{}" >new/schemas/reasoning.json
    find new -type f -exec cksum {} + >before
    dataset scaffold --begin --structure new/structure.enriched.json
    find new -type f -exec cksum {} + | cmp before -
    test ! -s stderr'

test_expect_success 'scaffold: no structure, a file where a folder should be' '
    test_expect_code 1 dataset scaffold --structure none/structure.enriched.json
    test ! -e none
    : >topics
    structure ""
    test_expect_code 1 dataset scaffold
    grep "cannot make folder .topics" stderr
    rm -r topics schemas'

# ==== rows ====

good="\"question\": \"q\", \"think\": \"t\", \"output\": \"o\""
structure ', "difficulty": 4'
mkdir -p topics/a/b

# Lines: what is told of a row, and the row.
cat >faults <<END
'output' is missing | {"question": "q", "think": "t"}
'think' has 0 characters, not at least 1 | {"question": "q", "think": "", "output": "o"}
'question' is a number, not of type string | {"question": 1, "think": "t", "output": "o"}
'output' is null, not of type string | {"question": "q", "think": "t", "output": null}
'more' is no key that its schema knows | {$good, "more": 1}
'difficulty' 'grim' is neither a number from 1 to 6 | {$good, "difficulty": "grim"}
'difficulty' is neither a number from 1 to 6 | {$good, "difficulty": 7}
'difficulty' is neither a number from 1 to 6 | {$good, "difficulty": 2.5}
'difficulty' is neither a number from 1 to 6 | {$good, "difficulty": [1]}
a tag is a number, not a string | {$good, "tags": ["x", 3]}
'tags[2]' has 0 characters | {$good, "tags": [""]}
'metadata' is a list, not an object | {$good, "metadata": []}
'metadata.row' is said by the tree | {$good, "metadata": {"row": 9}}
'weight' is -1, not at least 0 | {$good, "weight": -1}
nothing says what '\${NAME}' stands for | {$good, "tags": ["\${NAME}"]}
the row is a string, not an object | "q"
the row is a list, not an object | [{$good}]
END
sed 's/^[^|]*| //; $!s/$/,/; 1s/^/[/; $s/$/]/' faults >$topic
"$BIN/dataset" check 2>told
status=$?

test_expect_success 'faults of rows: all of them are told, and the number of them' '
    test $status = 1
    grep "has 17 faults" told'

row=0
while IFS='|' read -r what text; do
    row=$((row + 1))
    test_expect_success "row $row: $what" '
        at=$(head -n $((row - 1)) $topic | wc -c)
        [ $row != 1 ] || at=1
        grep -F "'"'$topic' line $row byte \$at, row $row: \${what% }"'" told'
done <faults

test_expect_success 'rows that cannot be read: by line and byte, and the rows behind them' '
    cat >$topic <<END
[
  {$good, "weight": 1e999},
  {"question": "\\ud800"},
  {$good "think": 1},
  {"question": "a
b"},
  {$good, "more": 1}
]
END
    test_expect_code 1 dataset check
    test "$(grep -c "line 2 .*in row 1" stderr)" = 1
    test "$(grep -c "line 3 .*in row 2" stderr)" = 1
    test "$(grep -c "line 4 .*in row 3" stderr)" = 1
    test "$(grep -c "line 5 .*in row 4" stderr)" = 1
    grep "line 7 byte [0-9]*, row 5: .more." stderr
    grep "has 5 faults" stderr'

# Lines: what is told of a file, and the file.
while IFS='|' read -r what text; do
    test_expect_success "file: $what" '
        printf "%b" "${text# }" >$topic
        test_expect_code 1 dataset build -o out.jsonl
        grep -F "'"'$topic' \${what% }"'" stderr
        test ! -e out.jsonl'
done <<END
line 1 byte 0: the file is empty | 
line 1 byte 0: not a list of rows | {$good}
line 1 byte 4: the list of rows does not end with ']' | [{} 
line 2 byte 5: a comma stands in front of ']' | [{},\n]
line 1 byte 3: more than one value | [{}{}]
line 1 byte 3: neither ',' nor ']' stands behind a row | [{}}]
line 1 byte 1: no row stands here | [,{}]
line 1 byte 3: something stands behind the list of rows | [] x
line 1 byte 1 | [{"question": "q]
END

test_expect_success 'levels by any of their words, the last of equal keys, a byte order mark' '
    printf "\357\273\277[" >$topic
    for d in 1 2.0 "\"3\"" "\"Hard\"" "\"very_hard\"" "\" OPEN \"" null; do
        printf "{\"question\": \"%s\", \"question\": \"q %s\", \"think\": \"t\", \"output\": \"o\", \"difficulty\": %s}," \
            x "$(echo "$d" | tr -d "\"")" "$d"
    done | sed "s/,\$/]/" >>$topic
    dataset build -q -o levels.jsonl
    sed "s/.*\"difficulty\": \([0-9]\), \"tags\": .*/\1/" levels.jsonl | tr -d "\n" >have
    test "$(cat have)" = 1234564
    grep -c "\"question\": \"q 3\"" levels.jsonl
    grep -c "\"tags\": \[\"a\", \"b\"\]" levels.jsonl'

test_expect_success 'twice the same row, a placeholder that nobody uses: told, and built' '
    printf "[{%s},\n {%s, \"difficulty\": 1}]" "$good" "$good" >$topic
    echo "{\"UNUSED\": \"\"}" >placeholders.json
    dataset build -o twice.jsonl
    test "$(wc -l <twice.jsonl)" = 2
    grep "warning: .*line 2 byte [0-9]*, row 2: the same as row 1 of .$topic" stderr
    grep "warning: .placeholders.json.: no row has ..UNUSED" stderr
    rm placeholders.json'

test_expect_success 'a file that no topic has, one that is missing' '
    mkdir topics/a/c
    echo "[]" >topics/a/c/a.c.core.json
    echo notes >topics/a/notes.txt
    test_expect_code 1 dataset check
    grep "topics/a/c/a.c.core.json. is a file of rows that .structure.enriched.json. does not name" stderr
    rm -r topics/a/c
    mv $topic kept.json
    test_expect_code 1 dataset check
    grep "$topic. is missing" stderr
    grep "has 1 fault$" stderr
    mv kept.json $topic
    dataset check
    grep "2 rows in 1 topics" stderr'

test_expect_success 'placeholders: text, file, letters that are none, what is put in stays' '
    printf "[{\"question\": \"\${A}\${B_2}\${a}\$A\$\${A}\${}\$\", \"think\": \"\${EMPTY}.\", \"output\": \"\$\$\${A}\"}]" >$topic
    printf "{\"A\": \"\${B_2}\", \"B_2\": {\"file\": \"b.txt\"}, \"EMPTY\": \"\"}" >placeholders.json
    printf "two\n\"lines\"\n" >b.txt
    dataset build -q -o filled.jsonl
    grep -F "{\"question\": \"\${B_2}two\\n\\\"lines\\\"\${a}\$A\${A}\${}\$\", \"think\": \".\", \"output\": \"\$\${A}\"" filled.jsonl'

# ==== the files beside ====

# Lines: what is told, a file, what is in it.
cp structure.enriched.json good.json
while IFS='|' read -r what file text; do
    test_expect_success "${file# }: $what" '
        mkdir -p schemas
        file=${file# }
        file=${file% }
        printf "%s" "${text# }" >"$file"
        test_expect_code 1 dataset check
        grep -F "'"'\$file'"'" stderr
        grep -F "${what% }" stderr
        rm "$file"
        cp good.json structure.enriched.json'
done <<END
no name of a placeholder | placeholders.json | {"a": "x"}
not a string or {"file": NAME} | placeholders.json | {"A": 1}
not an object of placeholders | placeholders.json | []
line 1 byte | placeholders.json | {"A": "x",}
the word 'pattern' of JSON Schema is not understood | schemas/reasoning.json | {"properties": {"question": {"pattern": "x"}}}
'type' cannot be a string of this form | schemas/reasoning.json | {"type": "text"}
level 2 is missing | schemas/difficulty.json | {"levels": [{"level": 1, "name": "one"}]}
level 1 is there twice | schemas/difficulty.json | {"levels": [{"level": 1, "name": "one"}, {"level": 1, "name": "one"}]}
has no list 'levels' | schemas/difficulty.json | {}
no 'categories' | structure.enriched.json | {"content_types": ["core"]}
no 'content_types' | structure.enriched.json | {"categories": [{"name": "a", "subcategories": ["b"]}]}
no 'subcategories' | structure.enriched.json | {"content_types": ["core"], "categories": ["a"]}
a category has no name | structure.enriched.json | {"content_types": ["core"], "categories": [{"subcategories": ["b"]}]}
the name '../a' of a category | structure.enriched.json | {"content_types": ["core"], "categories": {"../a": {"subcategories": ["b"]}}}
names the topic 'a.b.core' twice | structure.enriched.json | {"content_types": ["core"], "categories": {"a": {"subcategories": ["b", "b"]}}}
'tags' of 'b' is no list of strings | structure.enriched.json | {"content_types": ["core"], "categories": {"a": {"subcategories": {"b": {"tags": "x"}}}}}
'difficulty' of 'a.b' is neither | structure.enriched.json | {"content_types": ["core"], "categories": {"a": {"subcategories": {"b": {"difficulty": 0}}}}}
wants the content type 'extra' | structure.enriched.json | {"content_types": ["core"], "categories": {"a": {"subcategories": {"b": {"content_types": ["extra"]}}}}}
END

test_expect_success 'a schema of ones own: bounds, lists of values, kinds, lists' '
    cat >schemas/own.json <<END
{"required": ["output", "tags"], "properties": {"output": {"enum": ["yes", "no", 1, null]},
 "think": {"type": ["string", "null"], "maxLength": 3}, "tags": {"minItems": 3, "maxItems": 3}},
 "additionalProperties": true}
END
    sed "s/\[\"core\"\]/{\"core\": {\"schema\": \"own\"}}/" good.json >structure.enriched.json
    cat >$topic <<END
[{"output": "yes", "tags": ["x"], "think": null, "free": {}}, {"output": 1.0, "tags": "x", "think": "\303\274\303\274\303\274"},
{"output": "maybe", "tags": ["x"]},
{"output": "no", "tags": ["x"], "think": "four"},
{"output": "no"},
{"output": null, "tags": ["x", "y", "a"]}]
END
    printf "%b" "$(cat $topic)" >$topic
    rm -f placeholders.json
    test_expect_code 1 dataset check
    grep "row 3: .output. is none of the values" stderr
    grep "row 4: .think. has 4 characters, not at most 3" stderr
    grep "row 5: .tags. has 2 elements, not at least 3" stderr
    grep "row 6: .tags. has 4 elements, not at most 3" stderr
    grep "has 4 faults" stderr
    cp good.json structure.enriched.json'

# ==== paste ====

test_expect_success 'paste: a text to a string and back' '
    printf "a \"quote\", a \\\\ and\ta tab,\r\nb\303\251 \342\202\254\n\n" >text
    "$BIN/dataset" paste <text >string
    printf "%s\n" "\"a \\\"quote\\\", a \\\\ and\\ta tab,\\r\\nb$(printf "\303\251 \342\202\254")\\n\"" | cmp - string
    dataset paste --keep-end text >whole
    printf "%s\n" "\"a \\\"quote\\\", a \\\\ and\\ta tab,\\r\\nb$(printf "\303\251 \342\202\254")\\n\\n\"" | cmp - whole
    printf "x\377y" >text
    test_expect_code 1 dataset paste text
    grep "not UTF-8" stderr'

test_expect_success 'paste: rows behind the last, whose bytes stay, until it builds' '
    printf "He said \"so\".\n" >q
    printf "one\ntwo\n" >t
    printf "[]\n" >$topic
    echo yes | "$BIN/dataset" paste --append $topic --field question=q --field think=t \
        --field output=- --set "difficulty=\"easy\""
    printf "%s\n" "[" "  {" "    \"question\": \"He said \\\"so\\\".\"," "    \"think\": \"one\\ntwo\"," \
        "    \"output\": \"yes\"," "    \"difficulty\": \"easy\"" "  }" "]" | cmp - $topic
    cp $topic one.json
    dataset paste -a $topic --set question=1 --set "tags=[]"
    head -c "$(($(wc -c <one.json) - 3))" one.json >head
    head -c "$(wc -c <head)" $topic | cmp - head
    tail -n 5 $topic >tail
    printf "%s\n" "  {" "    \"question\": 1," "    \"tags\": []" "  }" "]" | cmp - tail
    cp one.json $topic
    printf "[ {%s} ] " "$good" >$topic
    dataset paste -a $topic --field question=q --field think=t --field output=q
    dataset build -q -o pasted.jsonl
    test "$(wc -l <pasted.jsonl)" = 2'

test_expect_success 'paste: nothing happens to a file that is no list of rows, or for a bad value' '
    for text in "{}" "[{} {}]" "[1]" "[{}" "{" ""; do
        printf "%s" "$text" >bad.json
        test_expect_code 1 dataset paste -a bad.json --set a=1
        printf "%s" "$text" | cmp - bad.json
    done
    printf "[]" >bad.json
    test_expect_code 1 dataset paste -a bad.json --set "a={"
    test_expect_code 2 dataset paste -a bad.json --set a
    test_expect_code 2 dataset paste -a bad.json --set a=1 --set a=2
    test_expect_code 1 dataset paste -a bad.json --field a=none
    test_expect_code 1 dataset paste -a none.json --set a=1
    test "$(cat bad.json)" = "[]"
    test ! -e none.json'

# ==== usage ====

test_expect_success 'the four words, and only their own options' '
    "$BIN/dataset" --help >out
    grep -c "build: " out
    "$BIN/dataset" build --help >out
    grep -e --tokenizer-path out
    test_expect_code 1 grep -e --append out
    test_expect_code 2 dataset
    test_expect_code 2 dataset bild
    test_expect_code 2 dataset --structure x build
    test_expect_code 2 dataset paste --structure x
    test_expect_code 2 dataset check extra
    test_expect_code 2 dataset paste --append x
    test_expect_code 2 dataset paste --set a=1
    test_expect_code 2 dataset paste --append x --set a=1 extra
    echo "--structure good.json -q" >settings
    dataset check @settings
    test ! -s stderr'

test_expect_success 'an output that is an input, one that cannot be written' '
    test_expect_code 1 dataset build -o structure.enriched.json
    cmp good.json structure.enriched.json
    cp $topic before
    ln -f $topic hard.json
    for out in ./$topic hard.json; do
        test_expect_code 1 dataset build -o $out
        grep "is the same file as input" stderr
        cmp before $topic
    done
    test_expect_code 1 dataset build -o none/out.jsonl
    test_expect_code 1 dataset build -o /dev/full
    test_expect_code 1 "$BIN/dataset" paste q >/dev/full 2>stderr'

test_done
