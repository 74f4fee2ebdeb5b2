//go:build race

package sandbox

// detector is what the race detector takes besides, in bytes: it keeps several
// times what the heap reserves, 64 MiB at a time.
const detector = 1 << 30
