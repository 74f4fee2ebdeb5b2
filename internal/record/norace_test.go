//go:build !race

package record

// underRace says that the race detector makes all of this several times slower
// than the time by which devices give.
const underRace = false
