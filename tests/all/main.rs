//! Tests of the shell that need real sockets, threads or files.

mod media_pool;
