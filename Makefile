# Thin on purpose: everything happens in ./run, which works without make too.
.PHONY: setup run test check bench isolation interop faults widths screens more long sbom audit reset lock help
.DEFAULT_GOAL := help

setup:
	@./run setup $(ARGS)
run:
	@./run run $(ARGS)
test:
	@./run test $(ARGS)
check:
	@./run check $(ARGS)
bench:
	@./run bench $(ARGS)
isolation:
	@./run isolation $(ARGS)
interop:
	@./run interop $(ARGS)
faults:
	@./run faults $(ARGS)
widths:
	@./run widths $(ARGS)
screens:
	@./run screens $(ARGS)
more:
	@./run more $(ARGS)
long:
	@./run long $(ARGS)
sbom:
	@./run sbom $(ARGS)
audit:
	@./run audit $(ARGS)
reset:
	@./run reset $(ARGS)
lock:
	@./run lock $(ARGS)
help:
	@./run help
