//go:build race

package ledger

// stride is how many actions lie between two losses of power that are tried: the
// race detector, for which there is nothing in them, makes each many times slower.
const stride = 11
