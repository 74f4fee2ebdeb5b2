package dispatch

import (
	"cmp"
	"slices"
	"time"
)

// mostEnded is how many deliveries that have ended are remembered with their last
// revision; of those before, the ledger says when they ended.
const mostEnded = 1000

// news numbers the changes of all deliveries, so that somebody who has followed
// them to one can be told what came after it. The dispatcher's mutex guards it.
type news struct {
	since   int64 // what changed after it is known here
	latest  int64
	changed chan struct{} // closed and replaced at each change
	ended   []endedJob    // the latest, their revisions rising
}

type endedJob struct {
	id       int64
	account  string
	revision int64
}

func newNews(now time.Time) *news {
	return &news{since: now.UnixNano(), latest: now.UnixNano(), changed: make(chan struct{})}
}

// next gives the revision of a change. They are instants, in ns since 1970, so that
// those of a server that was started again go on.
func (n *news) next(now time.Time) int64 {
	n.latest = max(n.latest+1, now.UnixNano())
	close(n.changed)
	n.changed = make(chan struct{})
	return n.latest
}

// over remembers a delivery that has ended.
func (n *news) over(j *job) {
	if len(n.ended) == mostEnded {
		n.since = n.ended[0].revision
		n.ended = slices.Delete(n.ended, 0, 1)
	}
	n.ended = append(n.ended, endedJob{j.ID, j.Account, j.revision})
}

// Changed is a delivery that has changed, and when last.
type Changed struct {
	ID       int64
	Revision int64
}

// News is what has changed: at most most deliveries, in the order of their last
// revisions.
type News struct {
	Changes []Changed
	Asked   int64           // the revision that was asked about, 0 for one that was never given
	After   int64           // nothing else has changed up to it
	Since   int64           // what ended up to it is not here
	More    bool            // something changed after After already
	Next    <-chan struct{} // closed when something changes again
}

// News gives the deliveries of an account, or with "" of all, or those of ids, that
// have changed after a revision. One that was never given, as by a server whose clock
// was ahead before it was started again, is taken for 0.
func (d *Dispatcher) News(account string, ids []int64, after int64, most int) News {
	d.mu.Lock()
	defer d.mu.Unlock()
	if after > d.news.latest {
		after = 0
	}
	n := News{Asked: after, After: d.news.latest, Since: d.news.since, Next: d.news.changed}
	chosen := func(id int64, of string, revision int64) bool {
		return revision > after && (account == "" || of == account) && (len(ids) == 0 || slices.Contains(ids, id))
	}
	for id, j := range d.jobs {
		if chosen(id, j.Account, j.revision) {
			n.Changes = append(n.Changes, Changed{id, j.revision})
		}
	}
	for _, e := range d.news.ended {
		if after > 0 && chosen(e.id, e.account, e.revision) {
			n.Changes = append(n.Changes, Changed{e.id, e.revision})
		}
	}
	slices.SortFunc(n.Changes, func(a, b Changed) int { return cmp.Compare(a.Revision, b.Revision) })
	if n.More = len(n.Changes) > most; n.More {
		n.Changes = n.Changes[:most]
		n.After = n.Changes[most-1].Revision
	}
	return n
}
