//go:build !race

package ledger

// stride is how many actions lie between two losses of power that are tried: each
// is.
const stride = 1
