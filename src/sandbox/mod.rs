//! Private network namespaces, limits and process groups.
