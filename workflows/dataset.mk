# make dataset: a tree of hand-written rows in, one file to train on out.  The work is done by
# one command, whose output is there whole or not at all; what is missing in the tree is made
# first, what is there is not touched.

## dataset: DATASET, a tree of hand-written rows, to the file of rows TRAIN_DATA
#? DATASET folder with structure.enriched.json and topics/
DATASET     = $(EXAMPLES)/dataset
#? TRAIN_DATA where to write the rows; empty: RUNS/dataset/NAME.jsonl, NAME that of DATASET
TRAIN_DATA  =
#? DATASET_FLAGS further options of dataset build: --no-stats --placeholders FILE
DATASET_FLAGS =

ifneq ($(if $(hub_first),,$(filter dataset,$(MAKECMDGOALS))),)
$(foreach k,DATASET $(if $(TRAIN_DATA),,RUNS),$(if $($k),,$(call refuse,$k is empty)))
dataset_name = $(notdir $(patsubst %/,%,$(subst $(space),_,$(DATASET))))
rows_file   := $(call path,$(or $(TRAIN_DATA),$(RUNS)/dataset/$(dataset_name).jsonl))
structure   := $(call sh,$(call path,$(DATASET))/structure.enriched.json)

.PHONY: dataset
dataset: $(call built,dataset)
	$(call cmd,dataset) scaffold --structure $(structure)
	mkdir -p "$$(dirname $(call sh,$(rows_file)))"
	$(call cmd,dataset) build --structure $(structure) --tokenizer-path $(call named,$(MODEL)) \
	  --output $(call sh,$(rows_file))$(if $(DATASET_FLAGS), $(call option_words,DATASET_FLAGS))
endif
