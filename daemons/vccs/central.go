package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"videoclub/internal/desk"
	"videoclub/internal/dispatch"
	"videoclub/internal/folders"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/notify"
	"videoclub/internal/reason"
	"videoclub/internal/sandbox"
	"videoclub/internal/service"
	"videoclub/internal/source"
	"videoclub/internal/startup"
	"videoclub/internal/survey"
	"videoclub/internal/titles"
	"videoclub/internal/worker"
)

// editsEvery is how often the file of titles is looked at for what an editor
// changed.
const editsEvery = 2 * time.Second

// central is the rooms of a central server, joined.
type central struct {
	log                   *slog.Logger
	manager               *service.Manager
	users, administrators net.Listener
	titles                *titles.File
	surveyor              *survey.Surveyor
	deliveries            *dispatch.Dispatcher
	counter               *desk.Desk
	mail                  *notify.Mailer
	closers               []func() // of what was opened, in that order
}

// open makes a central server that listens and does not serve yet.
func open(ctx context.Context, s settings, sockets *service.Sockets, manager *service.Manager, log *slog.Logger) (_ *central, err error) {
	c := &central{log: log, manager: manager}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	keys, err := startup.Keys(s.state)
	if err != nil {
		return nil, err
	}
	book, err := ledger.Open(ctx, filepath.Join(s.state, "ledger", "ledger.db"))
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, func() { book.Close() })
	spawner, err := worker.NewSpawner("vccs")
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, spawner.Close)
	if err := startup.Confine(spawner, s.Sandbox, sandbox.Look(), log); err != nil {
		return nil, err
	}
	if err := c.listen(s, sockets); err != nil {
		return nil, err
	}
	c.titles = titles.Open(s.videos, time.Now, log)
	sources := source.Opener{Roots: s.Roots, Never: []string{s.state}}
	shelf, err := folders.Open(filepath.Join(s.state, "folders"))
	if err != nil {
		return nil, err
	}
	if c.surveyor, err = survey.New(ctx, survey.Config{Ledger: book, Spawner: spawner, Open: sources.Open, Shelf: shelf, Clock: time.Now, Log: log}); err != nil {
		return nil, err
	}
	if c.deliveries, err = dispatch.New(ctx, dispatch.Config{
		Ledger: book, Spawner: spawner, Keys: keys, Clock: time.Now, Log: log, Digests: filepath.Join(s.state, "digests"),
		Sources: opener{sources}, Describe: c.surveyor.Describe, Folders: shelf, Settings: s.dispatch(),
		Pulse: func(o dispatch.Overview) { manager.Alive(o.Line(time.Now())) },
	}); err != nil {
		return nil, err
	}
	if c.counter, err = desk.New(desk.Config{
		Dispatcher: c.deliveries, Titles: c.titles, Surveyor: c.surveyor, Ledger: book, Spawner: spawner, TLS: keys.TLS, Clock: time.Now, Log: log,
		Limits: s.limits(),
	}); err != nil {
		return nil, err
	}
	c.closers = append(c.closers, c.counter.Close)
	book.SetMailing(s.mailing(c.deliveries.Central()))
	c.mail = notify.New(notify.Config{Ledger: book, Spawner: spawner, Clock: time.Now, Zone: time.Local, Log: log, Settings: s.notify()})
	return c, nil
}

// close lets go of what was opened, the last first.
func (c *central) close() {
	for i := len(c.closers) - 1; i >= 0; i-- {
		c.closers[i]()
	}
}

func (c *central) listen(s settings, sockets *service.Sockets) (err error) {
	for _, p := range []struct {
		startup.Place
		to *net.Listener
	}{
		{startup.Place{Setting: "users", Address: s.Users, Open: s.open, Socket: service.Users, Unit: "vccs-user.socket"}, &c.users},
		{startup.Place{Setting: "administrators", Address: s.Administrators, Open: s.open, Socket: service.Administrators, Unit: "vccs-admin.socket"}, &c.administrators},
	} {
		l, err := startup.Listen(sockets, p.Place, c.log)
		if err != nil {
			return err
		}
		*p.to = l
		c.closers = append(c.closers, func() { l.Close() })
	}
	startup.Refuse(sockets, c.log)
	return nil
}

// run serves until ctx ends, which is no error, and returns when everything has
// come to rest. At each of hangups it calls reload.
func (c *central) run(ctx context.Context, hangups <-chan os.Signal, reload func()) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	edits := time.NewTicker(editsEvery)
	defer edits.Stop()
	var running sync.WaitGroup
	running.Go(func() { c.deliveries.Run(ctx) })
	running.Go(func() { c.mail.Run(ctx) })
	running.Go(func() { c.surveyor.Run(ctx) })
	running.Go(func() { c.titles.Follow(ctx, edits.C) })
	for role, l := range map[desk.Role]net.Listener{desk.User: c.users, desk.Administrator: c.administrators} {
		running.Go(func() { fail(c.counter.Serve(ctx, l, role)) })
	}
	running.Go(func() { startup.OnHangup(ctx, hangups, func() { c.manager.Reload(reload) }) })
	c.manager.Ready()
	<-ctx.Done()
	c.log.Info("stopping, deliveries go on at the next start")
	c.manager.Drain(running.Wait)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// reload takes up what may change while the server runs; a configuration with
// mistakes changes nothing.
func (c *central) reload(o options, running settings) {
	s, err := load(o)
	if err != nil {
		c.log.Error("the configuration was not reloaded, going on with the one before", journal.NotReloaded.Mark(), "reason", string(reason.Of(err)), "error", err)
		c.manager.Status("not reloaded: " + err.Error())
		return
	}
	startup.WarnRestart(c.log, running.fixed(), s.fixed(), "vccs-user.socket vccs-admin.socket")
	c.deliveries.SetSettings(s.dispatch())
	c.mail.Ledger.SetMailing(s.mailing(c.deliveries.Central()))
	c.mail.SetSettings(context.Background(), s.notify())
	c.counter.SetLimits(s.limits())
	c.titles.Reload(s.videos)
	c.log.LogAttrs(context.Background(), slog.LevelInfo, "reloaded", s.Effective()...)
}
