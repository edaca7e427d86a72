//! Statistics: pure numerics over slices, free of Arrow. Each function carries its definition.
