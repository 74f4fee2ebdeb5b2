//go:build race

package studio

// underRace says that the race detector makes all of this several times slower
// than the time by which devices give.
const underRace = true
