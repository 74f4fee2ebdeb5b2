package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// asks is a request of one user in a crowd, and what came of it.
type asks struct {
	q    control.Request
	made control.DeliveryStory
	err  error
}

// 200 users at once, each on a connection of its own, list the titles and ask
// for more than the lines carry: each is answered, and what was promised can be
// carried, by a sum that knows nothing of the schedule.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const users, size = 200, int64(100 << 20)
	halls := map[string]int64{"north.test": 4_000_000, "south.test": 5_000_000, "east.test": 3_000_000} // bytes a second
	const uplink = 8_000_000
	c := crowded(t, uplink, halls)
	number := c.add("Feature", sparse(t, c.dir, size), 1)
	at := c.at
	rng := rand.New(rand.NewPCG(setting(t, "VC_SEED", 1), 2))
	begin := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	all := make([]asks, users)
	for i := range all {
		all[i].q = control.Request{
			Key: fmt.Sprint("user ", i), Number: number, Reception: []string{"north.test", "south.test", "east.test"}[rng.IntN(3)],
			From: begin, By: begin.Add(time.Duration(60+rng.IntN(1500)) * time.Second),
		}
	}
	together := make(chan struct{})
	var crowd sync.WaitGroup
	for i := range all {
		crowd.Go(func() {
			client := api.NewClient(at, nil)
			defer client.Close()
			<-together
			if titles, err := client.Titles(quick(t)); err != nil || len(titles) != 1 {
				t.Errorf("user %d lists %d titles: %v", i, len(titles), err)
			}
			all[i].made, all[i].err = client.Request(quick(t), all[i].q)
			if list, err := client.Deliveries(quick(t), 50); err != nil || all[i].err == nil && len(list) == 0 {
				t.Errorf("user %d lists %d deliveries: %v", i, len(list), err)
			}
		})
	}
	close(together)
	crowd.Wait()

	promised := 0
	for i, one := range all {
		var refused *api.Refused
		switch {
		case one.err == nil:
			promised++
			if !one.made.Deadline.Equal(one.q.By) || one.made.Reception != one.q.Reception {
				t.Errorf("user %d asked for %+v and got %+v", i, one.q, one.made.Delivery)
			}
		case !errors.As(one.err, &refused) || refused.Code != reason.DeadlineTooSoon || !refused.Earliest.After(one.q.By):
			t.Errorf("user %d: %v", i, one.err)
		}
	}
	if promised == 0 || promised == users {
		t.Errorf("%d of %d were promised: this proves nothing", promised, users)
	}
	kept, err := c.client.Deliveries(quick(t), users+1)
	if err != nil || len(kept) != promised {
		t.Fatalf("%d were promised, the ledger has %d: %v", promised, len(kept), err)
	}
	withinCapacity(t, kept, begin, uplink, halls)
}

// withinCapacity checks that what is due by each deadline fits into the time
// until then, on each line and on the uplink, and that the lines are used.
func withinCapacity(t *testing.T, kept []control.Delivery, begin time.Time, uplink int64, halls map[string]int64) {
	t.Helper()
	for _, last := range kept {
		seconds := int64(last.Deadline.Sub(begin) / time.Second)
		due, all := make(map[string]int64), int64(0)
		for _, d := range kept {
			if !d.Deadline.After(last.Deadline) {
				due[d.Reception] += d.Size
				all += d.Size
			}
		}
		for name, bytes := range due {
			if bytes > halls[name]*seconds {
				t.Errorf("by %v %d bytes are promised to %s, which takes %d in that time", last.Deadline, bytes, name, halls[name]*seconds)
			}
		}
		if all > uplink*seconds {
			t.Errorf("by %v %d bytes are promised, the uplink carries %d in that time", last.Deadline, all, uplink*seconds)
		}
	}
}

// crowded starts a central server that many may ask at once, with lines of so
// many bytes a second to receptions that are not there.
func crowded(t *testing.T, uplink int64, halls map[string]int64) *central {
	t.Helper()
	settings := fmt.Sprintf("connections_per_address = 256\nuplink = \"%d B/s\"\n", uplink)
	for name, line := range halls {
		settings += fmt.Sprintf("[[reception]]\nname = %q\naddress = \"127.0.0.1:1\"\nlink = \"%d B/s\"\n", name, line)
	}
	return startCentral(t, settings)
}

// sparse makes a source of so many bytes that takes no space.
func sparse(t *testing.T, dir string, size int64) string {
	t.Helper()
	path := filepath.Join(dir, "sparse.bin")
	write(t, path, "")
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

// Requests that are asked for again and again, whenever their answers were lost
// to kill -9 of the central server and at times when they were not, are promised
// once each. VC_REQUESTS says how many.
func TestKeysSurviveKills(t *testing.T) {
	t.Parallel()
	seed, requests := setting(t, "VC_SEED", 1), int(setting(t, "VC_REQUESTS", 150))
	t.Logf("VC_SEED=%d VC_REQUESTS=%d", seed, requests)
	c := crowded(t, 1e11, map[string]int64{"north.test": 1e10})
	number := c.add("Feature", sparse(t, c.dir, 1<<20), 1)
	front := newProxy(t) // its address stays
	front.setTarget(c.at)

	begin := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	ids := make([]map[int64]bool, requests) // that request i was answered with
	var lost atomic.Int64                   // answers
	var down sync.RWMutex                   // held while the server is
	answered, todo := make(chan struct{}), make(chan int)
	var users sync.WaitGroup
	for u := range 8 {
		rng := rand.New(rand.NewPCG(seed, uint64(u)))
		users.Go(func() {
			client := api.NewClient(front.address(), nil)
			defer client.Close()
			for i := range todo {
				ids[i] = make(map[int64]bool)
				q := control.Request{Key: fmt.Sprint("key ", i), Number: number, Reception: "north.test", From: begin, By: begin.Add(time.Hour + time.Duration(i)*time.Second)}
				for again := true; again; {
					made, err := client.Request(quick(t), q)
					switch {
					case err == nil && made.Deadline.Equal(q.By):
						ids[i][made.ID] = true
						again = rng.IntN(3) == 0
					case reason.Of(err) == reason.Unreachable || reason.Of(err) == reason.ShuttingDown:
						lost.Add(1)
						down.RLock()
						down.RUnlock()
					default:
						t.Errorf("request %d: %+v, %v", i, made.Delivery, err)
						again = false
					}
				}
				answered <- struct{}{}
			}
		})
	}
	go func() {
		defer close(todo)
		for i := range requests {
			todo <- i
		}
	}()
	rng, kills := rand.New(rand.NewPCG(seed, 99)), 0
	next := 5 + rng.IntN(30)
	for n := range requests {
		<-answered
		if n == next {
			next += 5 + rng.IntN(30)
			kills++
			down.Lock()
			front.setTarget("")
			c.kill()
			c.start()
			front.setTarget(c.at)
			down.Unlock()
		}
	}
	users.Wait()
	t.Logf("%d kills, %d answers lost", kills, lost.Load())
	if kills == 0 || lost.Load() == 0 {
		t.Errorf("%d kills, %d answers lost: this proves nothing", kills, lost.Load())
	}
	kept, err := c.client.Deliveries(quick(t), requests+1)
	if err != nil || len(kept) != requests {
		t.Fatalf("%d requests were made, the ledger has %d promises: %v", requests, len(kept), err)
	}
	for _, d := range kept {
		if i := int(d.Deadline.Sub(begin.Add(time.Hour)) / time.Second); len(ids[i]) != 1 || !ids[i][d.ID] {
			t.Errorf("delivery %d was promised for request %d, which was answered with %v", d.ID, i, ids[i])
		}
	}
}
