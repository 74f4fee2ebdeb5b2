package api

import (
	"cmp"

	"videoclub/internal/reason"
)

// mostEntries bounds what a client gathers of one list: more than any server has,
// and little enough to be held.
const mostEntries = 1_000_000

// paged gathers the entries of all pages of a list that ascends by key. A page
// begins after the last entry of the one before: a server whose pages go back, or
// never end, would be asked for ever.
func paged[T any, K cmp.Ordered](ask func(after K) (page []T, more bool, err error), key func(T) K) ([]T, error) {
	all := []T{}
	for after := *new(K); ; {
		page, more, err := ask(after)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if !more || len(page) == 0 {
			return all, nil
		}
		last := key(page[len(page)-1])
		if last <= after || len(all) > mostEntries {
			return nil, reason.New(reason.Protocol, "the page after %v ends with %v, and the list has %d entries by then", after, last, len(all))
		}
		after = last
	}
}
