# Thin on purpose: everything happens in ./run, which works without make too.
.PHONY: setup run test check bench reset lock help
.DEFAULT_GOAL := help

setup run test check bench reset lock help:
	@./run $@ $(ARGS)
