package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/lab"
)

// club is a central server and a reception on loopback, with no rate to hold
// them back.
type club struct {
	central, reception *lab.Daemon
	client             *api.Client
	store              string
}

// newClub starts both in dir, for the titles given, 1 upwards. The central
// server reaches the reception at address, or directly where that is "", and
// has further settings in TOML.
func (b *bench) newClub(ctx context.Context, dir, address, settings string, titles ...string) (*club, error) {
	c := &club{store: filepath.Join(dir, "store")}
	if err := os.MkdirAll(c.store, 0o755); err != nil {
		return nil, err
	}
	var videos strings.Builder
	for i, path := range titles {
		fmt.Fprintf(&videos, "%d ^ Title %d ^ %d %s\n", i+1, i+1, b.minutes, path)
	}
	if err := os.WriteFile(filepath.Join(dir, "videos.txt"), []byte(videos.String()), 0o644); err != nil {
		return nil, err
	}
	line := func(string) {}
	receptionToml := filepath.Join(dir, "vcvrs.toml")
	text := "listen = \"127.0.0.1:0\"\nmin_free = \"1MB\"\n"
	if err := os.WriteFile(receptionToml, []byte(text), 0o644); err != nil {
		return nil, err
	}
	var err error
	c.reception, err = lab.Start(ctx, c.store, line, filepath.Join(b.bin, "vcvrs"), "--config", receptionToml, "--state", filepath.Join(dir, "state-reception"))
	if err != nil {
		return nil, err
	}
	if address == "" {
		address = "127.0.0.1:" + c.reception.Port("listen")
	}
	centralToml := filepath.Join(dir, "vccs.toml")
	text = fmt.Sprintf("users = \"127.0.0.1:0\"\nadministrators = \"127.0.0.1:0\"\nvideos = %q\nuplink = \"8 Tbit/s\"\n%s[[reception]]\nname = \"here\"\naddress = %q\n",
		filepath.Join(dir, "videos.txt"), settings, address)
	if err := os.WriteFile(centralToml, []byte(text), 0o644); err != nil {
		return nil, err
	}
	c.central, err = lab.Start(ctx, dir, line, filepath.Join(b.bin, "vccs"), "--config", centralToml, "--state", filepath.Join(dir, "state-central"))
	if err != nil {
		c.reception.Stop()
		return nil, err
	}
	c.client = api.NewClient("127.0.0.1:"+c.central.Port("users"), nil)
	return c, nil
}

func (c *club) stop() {
	c.client.Close()
	c.central.Stop()
	c.reception.Stop()
}

// request asks for a title with all the time in the world.
func (c *club) request(ctx context.Context, number int) (int64, error) {
	key := make([]byte, 16)
	rand.Read(key)
	d, err := c.client.Request(ctx, control.Request{Key: hex.EncodeToString(key), Number: number, Reception: "here", By: time.Now().Add(48 * time.Hour)})
	return d.ID, err
}

// follow calls see at each change of a delivery, until that ends or see says
// that it has seen enough.
func (c *club) follow(ctx context.Context, id int64, see func(control.DeliveryStory) bool) (control.DeliveryStory, error) {
	for revision := int64(0); ; {
		d, err := c.client.Delivery(ctx, id, revision, 20*time.Second)
		if err != nil {
			return d, err
		}
		switch d.State {
		case "failed", "cancelled":
			return d, fmt.Errorf("delivery %d: %s: %s", id, d.State, d.Detail)
		}
		if d.State == "deposited" || see(d) {
			return d, nil
		}
		revision = d.Revision
	}
}

// deliver requests a title and waits until it is deposited.
func (c *club) deliver(ctx context.Context, number int) (time.Duration, control.DeliveryStory, error) {
	begun := time.Now()
	id, err := c.request(ctx, number)
	if err != nil {
		return 0, control.DeliveryStory{}, err
	}
	d, err := c.follow(ctx, id, func(control.DeliveryStory) bool { return false })
	return time.Since(begun), d, err
}
