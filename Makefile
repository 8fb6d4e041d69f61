# Two commands: `make quickstart` goes the whole way once, `make test` runs the tests. Both install what is missing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: quickstart test test-all fuzz lint lock sbom swift-package android-screens docs wheel arm64 mobile-tools swift clean

quickstart: $(INSTALLED)
	$(BIN)/sentio-mobile quickstart --out runs/quickstart

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

# The same with the tests that prove things again for every format and precision, or that download; what CI runs.
test-all: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "exhaustive or not exhaustive" --hypothesis-profile all

# Every door against 20,000 cases of what a stranger may send, other ones each time.
fuzz: $(INSTALLED)
	$(BIN)/python -m pytest tests/fuzz --numprocesses auto --dist loadfile --hypothesis-profile fuzz

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The documentation, in site/. Warnings are errors.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Wheel and sdist, with the web page built into them, in dist/; needs npm.
wheel: $(INSTALLED)
	cd web && npm ci --no-fund --no-audit && npm run build
	$(BIN)/python -m hatchling build

# What `sentio-mobile verify BUNDLE --arm64` runs in; needs qemu-user-static, on Debian or Ubuntu.
arm64: $(INSTALLED)
	$(BIN)/sentio-mobile arm64 setup

# What the apps' own tests need beside Node.js, npm and a JDK; without it they are skipped, and say so. The rest is Debian's:
# apt-get install junit4 aapt android-framework-res chromium ffmpeg maven
mobile-tools:
	cd tests/mobile-tools && npm ci --no-fund --no-audit
	cd web && npm ci --no-fund --no-audit

# The Android demo's screens as pictures, in android/verify/screens/build/screens; needs a JDK 17 and Maven, on Linux.
android-screens:
	mvn --batch-mode --quiet --file android/verify/screens/pom.xml test

# A Swift compiler of 2.8 GB, for the tests of ios/; needs Debian or Ubuntu, root and debootstrap.
swift:
	sh tests/packaging/ios/install_swift.sh

# The lock file: every package of constraints.txt with the hashes of its files. After a change of pyproject.toml or constraints.txt.
lock: $(INSTALLED)
	$(BIN)/uv pip compile pyproject.toml --extra all --extra dev --extra docs --constraint constraints.txt --python-version 3.11.7 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

# What is in a release: a bill of materials in CycloneDX's form, of the packages, the web page and the Android libraries.
sbom: $(INSTALLED)
	$(BIN)/python -m sentio_mobile.packaging.sbom sbom.cdx.json

# The Swift SDK as a repository of its own, in dist/swift: make swift-package URL=https://...
swift-package: $(INSTALLED)
	$(BIN)/python -m sentio_mobile.packaging.swift_package dist/swift --url "$(URL)"

# Nothing is installed whose hash is not in requirements.lock; this package's own build uses what was installed.
$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.lock
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python --require-hashes --build-constraint requirements.lock \
		--requirement requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache
