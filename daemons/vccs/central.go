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

	"videoclub/internal/config"
	"videoclub/internal/desk"
	"videoclub/internal/dispatch"
	"videoclub/internal/folders"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/notify"
	"videoclub/internal/reason"
	"videoclub/internal/roster"
	"videoclub/internal/sandbox"
	"videoclub/internal/service"
	"videoclub/internal/source"
	"videoclub/internal/startup"
	"videoclub/internal/studio"
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
	local                 local
	console               startup.Console
	titles                *titles.File
	surveyor              *survey.Surveyor
	studio                *studio.Studio
	deliveries            *dispatch.Dispatcher
	book                  *ledger.Ledger
	roster                *roster.Roster
	counter               *desk.Desk
	mail                  *notify.Mailer
	closers               []func() // of what was opened, in that order

	applying sync.Mutex // of settings and receptions to the dispatcher
	settings settings   // in force; guarded by applying
}

// open makes a central server that listens and does not serve yet.
func open(ctx context.Context, s settings, sockets *service.Sockets, manager *service.Manager, log *slog.Logger) (_ *central, err error) {
	c := &central{log: log, manager: manager, settings: s}
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
	c.book = book
	c.closers = append(c.closers, func() { book.Close() })
	places, err := book.Places(ctx)
	if err != nil {
		return nil, err
	}
	spawner, err := worker.NewSpawner("vccs")
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, spawner.Close)
	if err := startup.Confine(spawner, s.Sandbox, sandbox.Look(), log); err != nil {
		return nil, err
	}
	accounts, err := book.HasAccounts(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.closed(accounts); err != nil {
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
	proofs, err := folders.OpenProofs(filepath.Join(s.state, "proofs"))
	if err != nil {
		return nil, err
	}
	if c.surveyor, err = survey.New(ctx, survey.Config{Ledger: book, Spawner: spawner, Open: sources.Open, Shelf: shelf, Proofs: proofs, Clock: time.Now, Log: log}); err != nil {
		return nil, err
	}
	spools := s.spool()
	if err := os.MkdirAll(spools, 0o700); err != nil {
		return nil, err
	}
	c.studio = studio.New(studio.Config{Spawner: spawner, Dir: spools, Clock: time.Now, Log: log}, s.studio())
	if c.deliveries, err = dispatch.New(ctx, dispatch.Config{
		Ledger: book, Spawner: spawner, Keys: keys, Clock: time.Now, Log: log, Digests: filepath.Join(s.state, "digests"),
		Sources: opener{sources}, Describe: c.surveyor.Describe, Folders: shelf, Proofs: proofs, Titled: c.titled, Studio: c.studio, Settings: s.dispatch(places),
		Pulse: func(o dispatch.Overview) { manager.Alive(o.Line(time.Now())) },
	}); err != nil {
		return nil, err
	}
	c.roster = roster.New(roster.Config{Ledger: book, Dispatcher: c.deliveries, Clock: time.Now, Log: log, Changed: func() { c.apply(nil) }}, s.roster())
	if c.counter, err = desk.New(desk.Config{
		Dispatcher: c.deliveries, Titles: c.titles, Surveyor: c.surveyor, Studio: c.studio, Roster: c.roster, Ledger: book, Spawner: spawner, TLS: keys.TLS, Clock: time.Now, Log: log,
		Limits: s.limits(), Open: s.open, NeedsAccounts: s.closed(false),
		Browser: c.console.Browser, Token: c.console.Scrape, Status: manager.Doing, Console: c.console.Origin,
		Public: func() string { return s.publicAddress(c.users) }, Socket: c.socket(), AdminGroup: s.AdminGroup,
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
		// Whether others may come was decided: there are accounts, or --open.
		{startup.Place{Setting: "users", Address: s.Users, Open: true, Socket: service.Users, Unit: "vccs-user.socket"}, &c.users},
		{startup.Place{Setting: "administrators", Address: s.Administrators, Open: true, Socket: service.Administrators, Unit: "vccs-admin.socket"}, &c.administrators},
	} {
		l, err := startup.Listen(sockets, p.Place, c.log)
		if err != nil {
			return err
		}
		*p.to = l
		c.closers = append(c.closers, func() { l.Close() })
	}
	if c.console, err = startup.ListenConsole(sockets, s.Console, config.DefaultCentral().Console.Address, "vccs-console.socket", c.log); err != nil {
		return err
	}
	if c.console.Listener != nil {
		c.closers = append(c.closers, func() { c.console.Close() })
	}
	if c.local, err = s.listenLocal(sockets, c.log); err != nil {
		return err
	}
	startup.Refuse(sockets, c.log)
	if c.local.UnixListener != nil {
		c.closers = append(c.closers, func() { c.local.Close() })
	}
	return nil
}

// socket is the path of the socket of this machine, "" where there is none.
func (c *central) socket() string {
	if c.local.UnixListener == nil {
		return ""
	}
	return c.local.Addr().String()
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
	running.Go(func() { c.studio.Run(ctx) })
	running.Go(func() { c.roster.Run(ctx) })
	running.Go(func() { c.mail.Run(ctx) })
	running.Go(func() { c.surveyor.Run(ctx) })
	running.Go(func() { c.titles.Follow(ctx, edits.C) })
	listeners := map[desk.Role]net.Listener{desk.User: c.users, desk.Administrator: c.administrators}
	if c.console.Listener != nil {
		listeners[desk.Browser] = c.console.Listener
	}
	for role, l := range listeners {
		running.Go(func() { fail(c.counter.Serve(ctx, l, role)) })
	}
	if c.local.UnixListener != nil {
		running.Go(func() { fail(c.counter.ServeLocal(ctx, c.local.UnixListener, c.local.admits)) })
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

// apply brings the dispatcher and the roster up to date with the settings, new
// ones or those in force, and with the receptions that were added.
func (c *central) apply(fresh *settings) {
	c.applying.Lock()
	defer c.applying.Unlock()
	if fresh != nil {
		c.settings = *fresh
	}
	places, err := c.book.Places(context.Background())
	if err != nil {
		c.log.Error("the receptions that were added cannot be read, going on with what was known", "reason", string(reason.Of(err)), "error", err)
		return
	}
	c.roster.SetSettings(c.settings.roster())
	c.deliveries.SetSettings(c.settings.dispatch(places))
}

// reload takes up what may change while the server runs; a configuration with
// mistakes changes nothing.
func (c *central) reload(o options, running settings) {
	s, err := load(o)
	if err == nil {
		err = s.readPassword()
	}
	if err != nil {
		c.log.Error("the configuration was not reloaded, going on with the one before", journal.NotReloaded.Mark(), "reason", string(reason.Of(err)), "error", err)
		c.manager.Status("not reloaded: " + err.Error())
		return
	}
	startup.WarnRestart(c.log, running.fixed(), s.fixed(), units)
	c.apply(&s)
	c.mail.Ledger.SetMailing(s.mailing(c.deliveries.Central()))
	c.mail.SetSettings(context.Background(), s.notify())
	c.studio.SetSettings(s.studio())
	c.counter.SetLimits(s.limits())
	// What is good for another address of the console may open the one that it has
	// until the next start.
	if s.Console.Address == running.Console.Address {
		if shown, err := startup.LoadShown(s.Console); err == nil {
			c.counter.SetConsole(shown.Browser, shown.Scrape)
		} else {
			c.log.Error("what browsers are shown cannot be read, going on with the one before", "reason", string(reason.Of(err)), "error", err)
		}
	}
	c.titles.Reload(s.videos)
	c.log.LogAttrs(context.Background(), slog.LevelInfo, "reloaded", s.Effective()...)
}

// titled says whether there is a title with a number.
func (c *central) titled(number int) bool {
	_, ok := c.titles.List().Lookup(number)
	return ok
}
