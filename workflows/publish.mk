# make publish: a model in, a folder out that any server of files can give to browsers: a page,
# and a bundle for WebLLM that the page loads.  The bundle is made by one command, and the older
# one stays until the new one is whole.

## publish: MODEL to SITE, a page that runs it in a browser with WebLLM
## served: whether the site at URL answers with every file of its bundle, whole
#? SITE folder that publish makes; empty: RUNS/publish/NAME, NAME that of MODEL
SITE        =
#? QUANT quantisation of MLC: q4f16_1 q4f16_0 q4f32_1 q0f16
QUANT       = q4f16_1
#? MODEL_LIB address of WebLLM's library (.wasm) for models of this shape and quantisation; empty: the page asks for it
MODEL_LIB   =
#? WEBLLM address of WebLLM itself
WEBLLM      = https://esm.run/@mlc-ai/web-llm
#? MLC_FLAGS further options of mlc-export: --ctx 2048 --conv-template chatml
MLC_FLAGS   =
#? URL address of a site that publish made, wherever it is served
URL         = http://127.0.0.1:8000

ifneq ($(filter publish,$(MAKECMDGOALS)),)
$(foreach k,QUANT WEBLLM $(if $(SITE),,RUNS),$(if $($k),,$(call refuse,$k is empty)))
published  := $(call named,$(MODEL))
$(call readable,MODEL,$(published))
site       := $(call path,$(or $(SITE),$(RUNS)/publish/$(call run_name,$(MODEL))))

.PHONY: publish
publish: $(call built,mlc-export)
	$(call script,site.sh) $(call sh,$(site)) $(call sh,$(call run_name,$(MODEL))-$(QUANT)-MLC) \
	  $(call sh,$(MODEL_LIB)) $(call sh,$(WEBLLM)) \
	  $(call cmd,mlc-export) -m $(published) -t $(call sh,$(QUANT))$(if $(MLC_FLAGS), $(call option_words,MLC_FLAGS))
endif

ifneq ($(filter served,$(MAKECMDGOALS)),)
$(if $(URL),,$(call refuse,URL is empty))
.PHONY: served
served:
	$(call script,served.sh) $(call sh,$(URL))
endif
