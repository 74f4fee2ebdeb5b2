package main

import "testing"

// The installed server is meant where nothing says that a person starts one.
func TestService(t *testing.T) {
	for _, c := range []struct {
		options
		want bool
	}{
		{options{}, true},
		{options{config: standard}, true},
		{options{state: "/var/lib/vcvrs"}, true},
		{options{config: "mine.toml"}, false},
		{options{ports: []int{4102}}, false},
	} {
		if got := c.service(); got != c.want {
			t.Errorf("%+v: %v", c.options, got)
		}
	}
}
