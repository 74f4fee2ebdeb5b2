package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"videoclub/internal/control"
)

// AddReception adds a reception, or has a new code made for one. It is never
// asked twice by itself: each that is heard ends the code before.
func (c *Client) AddReception(ctx context.Context, q control.AddReception) (control.PairingCode, error) {
	return post[control.PairingCode](ctx, c, "/v1/receptions", q)
}

// RemoveReception forgets a reception and its pairing.
func (c *Client) RemoveReception(ctx context.Context, name string) (control.Removed, error) {
	return do[control.Removed](ctx, c, http.MethodDelete, "/v1/receptions/"+url.PathEscape(name), nil, "")
}

// CheckReception asks whether a reception is well, which takes some seconds.
func (c *Client) CheckReception(ctx context.Context, name string) (control.Findings, error) {
	return do[control.Findings](ctx, c, http.MethodPost, "/v1/receptions/"+url.PathEscape(name)+"/check", nil, "")
}

// Roster gives all receptions as administrators see them, by name.
func (c *Client) Roster(ctx context.Context) ([]control.KnownReception, error) {
	return paged(func(after string) ([]control.KnownReception, bool, error) {
		page, err := get[control.ReceptionPage](ctx, c, "/v1/roster", url.Values{"after": {after}})
		return page.Receptions, page.More, err
	}, func(r control.KnownReception) string { return r.Name })
}

// AddAccount makes an account, or a new login link for one.
func (c *Client) AddAccount(ctx context.Context, q control.AddAccount) (control.MadeAccount, error) {
	return post[control.MadeAccount](ctx, c, "/v1/accounts", q)
}

// RemoveAccount ends an account.
func (c *Client) RemoveAccount(ctx context.Context, name string) (control.Removed, error) {
	return do[control.Removed](ctx, c, http.MethodDelete, "/v1/accounts/"+url.PathEscape(name), nil, "")
}

// LinkOnce makes a link to the console, which lets a browser in once.
func (c *Client) LinkOnce(ctx context.Context) (control.OnceLink, error) {
	return do[control.OnceLink](ctx, c, http.MethodPost, "/v1/console-links", nil, "")
}

// Sources gives the live sources that the server has, which takes some seconds
// where a driver hangs.
func (c *Client) Sources(ctx context.Context) ([]control.LiveSource, error) {
	list, err := get[control.SourceList](ctx, c, "/v1/sources", nil)
	return list.Sources, err
}

// Accounts gives all accounts, by name.
func (c *Client) Accounts(ctx context.Context) ([]control.KnownAccount, error) {
	return paged(func(after string) ([]control.KnownAccount, bool, error) {
		page, err := get[control.AccountPage](ctx, c, "/v1/accounts", url.Values{"after": {after}})
		return page.Accounts, page.More, err
	}, func(a control.KnownAccount) string { return a.Name })
}

func post[T any](ctx context.Context, c *Client, path string, q any) (T, error) {
	body, err := json.Marshal(q)
	if err != nil {
		var none T
		return none, err
	}
	return do[T](ctx, c, http.MethodPost, path, body, "")
}
