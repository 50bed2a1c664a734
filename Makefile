# Targets for people. `make bench` measures, `make sounds` remakes the WAVs.
.PHONY: bench sounds

bench:
	benches/install.sh
	cargo build -q --release -p strowger -p strowger-rig
	cargo run -q --release -p strowger-rig -- all $(BENCH)

sounds:
	sounds/make.sh
