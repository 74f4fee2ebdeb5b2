//go:build !race

package sandbox

// detector is what the race detector takes, which is not there.
const detector = 0
