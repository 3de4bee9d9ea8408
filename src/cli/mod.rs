//! The command line: one file a command. Parsing of arguments is the binary's.
