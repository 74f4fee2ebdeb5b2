package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/terminal"
)

// mostCompleted is how many of the latest deliveries are offered.
const mostCompleted = 100

// completeFlags completes the flags that take what the server knows; for the
// others, which are for a person to think of, no files are offered.
func (p *program) completeFlags(c *cobra.Command) {
	receptions := p.Completion(func(ctx context.Context, client *api.Client, _ []string, begun string) ([]cobra.Completion, error) {
		names, err := client.Receptions(ctx)
		return receptionsAfter(begun, names), err
	})
	for _, name := range []string{"at", "by", "at-time", "from", "pace", "mail", "key"} {
		complete := cobra.NoFileCompletions
		if name == "at" {
			complete = receptions
		}
		if c.Flags().Lookup(name) != nil {
			// It fails for a flag that is not there, or that has one already.
			_ = c.RegisterFlagCompletionFunc(name, complete)
		}
	}
}

// receptionsAfter completes the last of the names that begun has, joined by
// commas, with those that it does not have yet.
func receptionsAfter(begun string, names []string) (offered []cobra.Completion) {
	had, last := "", begun
	if comma := strings.LastIndex(begun, ","); comma >= 0 {
		had, last = begun[:comma+1], begun[comma+1:]
	}
	for _, name := range names {
		if strings.HasPrefix(name, strings.ToLower(last)) && !slices.Contains(strings.Split(had, ","), name) && terminal.Clean(name) == name {
			offered = append(offered, had+name)
		}
	}
	return offered
}

// anyState and activeOnly choose deliveries by their state.
func anyState(string) bool { return true }

func activeOnly(state string) bool { return !ended(state) }

// completeDeliveries completes the numbers of at most most deliveries that wanted
// chooses: those under way first, the newest of each first.
func (p *program) completeDeliveries(wanted func(state string) bool, most int) cobra.CompletionFunc {
	ask := p.Completion(func(ctx context.Context, client *api.Client, args []string, begun string) (offered []cobra.Completion, err error) {
		list, err := client.Deliveries(ctx, mostCompleted)
		slices.SortStableFunc(list, func(a, b control.Delivery) int { return cmp.Compare(rank(a), rank(b)) })
		for _, d := range list {
			id := strconv.FormatInt(d.ID, 10)
			if wanted(d.State) && strings.HasPrefix(id, begun) && !slices.Contains(args, id) {
				offered = append(offered, cobra.CompletionWithDesc(id, fmt.Sprintf(p.words.deliveryLine, terminal.Clean(d.Title), terminal.Clean(d.Reception), p.State(d.State))))
			}
		}
		return offered, err
	})
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return ask(c, args, begun)
	}
}

// rank is 0 for what is under way, 1 for what has ended.
func rank(d control.Delivery) int {
	if ended(d.State) {
		return 1
	}
	return 0
}
