"""The rules: modules are nouns, their functions are the verbs; knows no HTTP."""
