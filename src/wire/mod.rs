//! Pure: captured bytes to segments to conversations, as a stream, in bounded memory.
