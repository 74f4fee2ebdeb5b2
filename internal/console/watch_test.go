//go:build root

package console

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/lab"
)

// A page of 60 deliveries that all change each second takes little of a processor.
func TestWatchingIsCheap(t *testing.T) {
	modules, err := lab.Browser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, c := newConsole(t, false)
	began := time.Now()
	c.Clock = time.Now
	d.deliveries = nil
	for id := int64(60); id > 0; id-- {
		d.deliveries = append(d.deliveries, control.DeliveryStory{Delivery: control.Delivery{
			ID: id, Title: "La Piedra", Reception: "mateo.elo.utfsm.cl", State: "sending", Size: 1_000_000_000, Deadline: began.Add(time.Hour), End: began.Add(time.Hour),
		}})
	}
	ask := c.Ask
	c.Ask = func(ctx context.Context, q control.Call) (control.Reply, error) {
		d.mu.Lock()
		for i := range d.deliveries {
			v := &d.deliveries[i]
			v.Offset = int64(time.Since(began).Seconds()*20_000_000) + v.ID
			v.Rate = 20_000_000 + time.Now().UnixNano()%9*100_000*v.ID%1_000_000
		}
		d.mu.Unlock()
		return ask(ctx, q)
	}
	server := httptest.NewServer(c.Handler())
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "node", "testdata/watch.js", server.URL+"/deliveries")
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var seen struct {
		Rows  int
		Share float64
		Moved bool
	}
	if err := json.Unmarshal(said, &seen); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d deliveries that change each second: %.1f %% of one core", seen.Rows, seen.Share)
	if seen.Rows != 60 || !seen.Moved || seen.Share >= 5 {
		t.Errorf("%+v", seen)
	}
}
