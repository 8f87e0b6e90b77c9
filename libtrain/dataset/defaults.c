/* SPDX-License-Identifier: MIT
 *
 * The files that a new data set begins with.  scaffold.c writes them where they are
 * missing, and they are in force where they are: there is one text of each.
 */
#include <libtrain/dataset/tree.h>

const char tr__default_structure[] =
    "{\n"
    "  \"name\": \"my-data\",\n"
    "  \"description\": \"what a model should learn from these rows\",\n"
    "  \"content_types\": [\n"
    "    {\n"
    "      \"name\": \"core\",\n"
    "      \"description\": \"questions that the subject is made of\",\n"
    "      \"schema\": \"reasoning\"\n"
    "    }\n"
    "  ],\n"
    "  \"categories\": [\n"
    "    {\n"
    "      \"name\": \"subject\",\n"
    "      \"description\": \"a broad field\",\n"
    "      \"tags\": [\"subject\"],\n"
    "      \"subcategories\": [\n"
    "        {\n"
    "          \"name\": \"topic\",\n"
    "          \"description\": \"a part of the field with a folder of its own\",\n"
    "          \"tags\": [\"topic\"],\n"
    "          \"difficulty\": 2\n"
    "        }\n"
    "      ]\n"
    "    }\n"
    "  ]\n"
    "}\n";

const char tr__default_schema[] =
    "{\n"
    "  \"title\": \"a row of reasoning\",\n"
    "  \"description\": \"what a row must be once placeholders, difficulty, tags and "
    "metadata are in it\",\n"
    "  \"type\": \"object\",\n"
    "  \"required\": [\"question\", \"think\", \"output\", \"difficulty\"],\n"
    "  \"properties\": {\n"
    "    \"question\": {\n"
    "      \"description\": \"what is asked, with all that is needed to answer\",\n"
    "      \"type\": \"string\",\n"
    "      \"minLength\": 1\n"
    "    },\n"
    "    \"think\": {\n"
    "      \"description\": \"the way to the answer, step by step\",\n"
    "      \"type\": \"string\",\n"
    "      \"minLength\": 1\n"
    "    },\n"
    "    \"output\": {\n"
    "      \"description\": \"the answer, for a reader who has not seen the way\",\n"
    "      \"type\": \"string\",\n"
    "      \"minLength\": 1\n"
    "    },\n"
    "    \"difficulty\": {\n"
    "      \"description\": \"see difficulty.json; a row may use its words\",\n"
    "      \"type\": \"integer\",\n"
    "      \"minimum\": 1,\n"
    "      \"maximum\": 6\n"
    "    },\n"
    "    \"tags\": {\n"
    "      \"type\": \"array\",\n"
    "      \"items\": { \"type\": \"string\", \"minLength\": 1 }\n"
    "    },\n"
    "    \"metadata\": { \"type\": \"object\" },\n"
    "    \"weight\": {\n"
    "      \"description\": \"how much the row counts in training; 1 if it is not said\",\n"
    "      \"type\": \"number\",\n"
    "      \"minimum\": 0\n"
    "    },\n"
    "    \"group\": { \"type\": \"string\" }\n"
    "  },\n"
    "  \"additionalProperties\": false\n"
    "}\n";

#define LEVEL(n, name, text, aliases) \
    "    {\n" \
    "      \"level\": " n ",\n" \
    "      \"name\": \"" name "\",\n" \
    "      \"description\": \"" text "\",\n" \
    "      \"aliases\": [" aliases "]\n" \
    "    }"

const char tr__default_levels[] =
    "{\n"
    "  \"title\": \"levels of difficulty\",\n"
    "  \"levels\": [\n"
    LEVEL("1", "recall", "one fact, or one rule used as it stands",
          "\"trivial\", \"very easy\", \"beginner\"") ",\n"
    LEVEL("2", "simple", "one or two steps that the question itself suggests",
          "\"easy\", \"elementary\"") ",\n"
    LEVEL("3", "several steps", "known steps, but their order must be found",
          "\"medium\", \"moderate\", \"intermediate\"") ",\n"
    LEVEL("4", "combined", "ideas of more than one kind, and a check of the result",
          "\"hard\", \"difficult\", \"advanced\"") ",\n"
    LEVEL("5", "hidden", "the idea must be found; plausible ways lead astray",
          "\"very hard\", \"challenging\", \"expert\"") ",\n"
    LEVEL("6", "open", "experts need long for it, and more than one answer may be defended",
          "\"extreme\", \"research\", \"master\"") "\n"
    "  ]\n"
    "}\n";
