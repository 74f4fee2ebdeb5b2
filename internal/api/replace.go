package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// replacing adds the resources of new versions of titles.
func replacing(mux *resources, call caller) {
	mux.HandleFunc("PUT /v1/titles/{number}", answer(call, func(r *http.Request) (control.Call, error) {
		n, err := titleNumber(r)
		q, err1 := body[control.ReplaceTitle](r)
		q.Number = n
		return control.Call{Replace: &q}, errors.Join(err, err1)
	}))
	mux.HandleFunc("GET /v1/titles/{number}/older", answer(call, func(r *http.Request) (control.Call, error) {
		n, err := titleNumber(r)
		return control.Call{Older: &control.OlderQuery{Number: n, After: r.URL.Query().Get("after")}}, err
	}))
	mux.HandleFunc("POST /v1/titles/{number}/redeliver", answer(call, func(r *http.Request) (control.Call, error) {
		n, err := titleNumber(r)
		q, err1 := body[control.Redeliver](r)
		q.Number, q.Key = n, r.Header.Get("Idempotency-Key")
		if err1 == nil && (q.Key == "" || len(q.Key) > maxKey) {
			err1 = reason.New(reason.Usage, "a request has an Idempotency-Key of 1 to %d bytes", maxKey)
		}
		return control.Call{Redeliver: &q}, errors.Join(err, err1)
	}))
}

// ReplaceTitle gives a title another source, which administrators may. Asked
// twice it does the same.
func (c *Client) ReplaceTitle(ctx context.Context, q control.ReplaceTitle) (control.TitleChange, error) {
	body, err := json.Marshal(struct {
		Location string `json:"location"`
		Duration int64  `json:"duration_ms,omitempty"`
	}{q.Location, q.Duration})
	if err != nil {
		return control.TitleChange{}, err
	}
	return do[control.TitleChange](ctx, c, http.MethodPut, fmt.Sprintf("/v1/titles/%d", q.Number), body, "")
}

// Older gives what receptions hold and await of earlier versions of a title.
func (c *Client) Older(ctx context.Context, number int) ([]control.Older, error) {
	all := []control.Older{}
	for after := ""; ; {
		page, err := get[control.OlderPage](ctx, c, fmt.Sprintf("/v1/titles/%d/older", number), url.Values{"after": {after}})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Deliveries...)
		if !page.More || len(page.Deliveries) == 0 {
			return all, nil
		}
		after = page.Deliveries[len(page.Deliveries)-1].Reception
	}
}

// Redeliver asks for a new version at receptions in the place of earlier ones.
// Until that can be said, the answer is how far its comparing is. The key is as
// that of Request.
func (c *Client) Redeliver(ctx context.Context, q control.Redeliver) ([]control.Delivery, *control.Comparing, error) {
	key := q.Key
	body, err := json.Marshal(struct {
		Receptions []string `json:"receptions"`
		By         any      `json:"by,omitempty"`
		ByEarliest bool     `json:"by_earliest"`
	}{q.Receptions, instantOf(q), q.ByEarliest})
	if err != nil {
		return nil, nil, err
	}
	answer, err := do[struct {
		control.Promises
		*control.Comparing
	}](ctx, c, http.MethodPost, fmt.Sprintf("/v1/titles/%d/redeliver", q.Number), body, key)
	if err != nil || len(answer.Deliveries) > 0 {
		return answer.Deliveries, nil, err
	}
	if answer.Comparing == nil {
		answer.Comparing = &control.Comparing{}
	}
	return nil, answer.Comparing, nil
}

// instantOf is the deadline, nil where there is none.
func instantOf(q control.Redeliver) any {
	if q.By.IsZero() {
		return nil
	}
	return q.By
}
