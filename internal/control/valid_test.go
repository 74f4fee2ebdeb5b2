package control

import (
	"strings"
	"testing"
	"time"
)

// What no worker of this program says is an error, whatever else is well.
func TestImpossibleMessages(t *testing.T) {
	hex := strings.Repeat("0f", 32)
	for name, body := range map[string]string{
		"sign":           `{"message":"` + strings.Repeat("AAAA", 200) + `"}`,
		"failed":         `{"code":"No Space","detail":""}`,
		"failed ":        `{"code":"no_space","detail":"` + strings.Repeat("x", maxDetail+1) + `"}`,
		"accepted":       `{"offset":-1,"identity":"` + hex + `","receipt_key":"` + hex + `"}`,
		"accepted ":      `{"offset":1,"identity":"` + strings.ToUpper(hex) + `","receipt_key":"` + hex + `"}`,
		"accepted  ":     `{"offset":1,"identity":"` + hex + `","receipt_key":""}`,
		"acked":          `{"offset":-1,"sent":0}`,
		"acked ":         `{"offset":0,"sent":-1}`,
		"settled":        `{"receipt":{},"identity":"","sent":0}`,
		"sealed":         `{"sha256":"` + hex + `0","read":0,"hashed":0}`,
		"sealed ":        `{"sha256":"` + hex + `","read":-1,"hashed":0}`,
		"offered":        `{"identity":"` + hex + `","offer":{"id":1,"title":-1}}`,
		"offered ":       `{"identity":"` + hex + `","offer":{"id":1,"sha256":"x"}}`,
		"offered  ":      `{"identity":"` + hex + `","offer":{"id":1,"pace":-1}}`,
		"withdraw_asked": `{"identity":"` + hex + `","id":0}`,
		"pair_proof":     `{"identity":"` + hex + `","receipt_key":"` + hex + `","exporter":"AAAA","proof":""}`,
		"looked":         `{"identity":"` + hex + `","receipt_key":"` + hex + `","free":-1}`,
		"pair_asked":     `{"identity":"` + hex + `","reception":"r","exporter":"AAAA"}`,
		"look_asked":     `{"identity":"x"}`,
		"ready":          `{"offset":-1}`,
		"durable":        `{"offset":-1}`,
		"whole":          `{"sha256":"` + hex + `","size":1,"frames":-1,"resumes":0,"written":0,"hashed":0}`,
		"lasts":          `{"millis":-1}`,
		"lasts ":         `{"millis":0,"why":"` + strings.Repeat("x", maxDetail+1) + `"}`,
		"surveying":      `{"offset":-1}`,
		"surveyed":       `{"sha256":"00"}`,
		"described":      `{"entries":1,"files":1,"size":-5,"bytes":20,"sha256":"` + hex + `"}`,
		"offered   ":     `{"identity":"` + hex + `","offer":{"id":1,"manifest_size":5}}`,
		"whole ":         `{"sha256":"` + hex + `","facts":"x"}`,
		"mail_taken":     `{"reply":"` + strings.Repeat("x", maxReply+1) + `"}`,
		"mail_unsecured": `{"detail":"` + strings.Repeat("x", maxDetail+1) + `"}`,
		"mail_refused":   `{"step":"DATA","status":-1,"text":"","temporary":false}`,
		"call":           `{"seq":1}`,
		"call ":          `{"seq":1,"titles":{"after":0},"cancel":{"id":1}}`,
	} {
		name = strings.TrimSpace(name)
		packet := `{"kind":"` + name + `","body":` + body + `}`
		if m, err := decode([]byte(packet)); err == nil || !strings.HasPrefix(err.Error(), "control: "+name+": ") {
			t.Errorf("%.200s: %+v, %v", packet, m, err)
		}
	}
}

// A call is valid as its supervisor will read it: what is not UTF-8 is longer then,
// and so is what JSON escapes.
func TestValid(t *testing.T) {
	search := func(s string) Call { return Call{Store: &StoreQuery{Shelf: &ShelfQuery{Search: s}}} }
	for name, test := range map[string]struct {
		call  Call
		valid bool
	}{
		"nothing":               {Call{}, false},
		"two things":            {Call{Leave: &Leave{}, LinkOnce: &LinkOnce{}}, false},
		"a search":              {search(strings.Repeat("<", MaxSearch)), true},
		"a longer search":       {search(strings.Repeat("x", MaxSearch+1)), false},
		"half a character":      {search(strings.Repeat("x", MaxSearch-1) + "ñ"[:1]), false},
		"a key":                 {Call{Store: &StoreQuery{Show: &ShowKey{Key: strings.Repeat("x", maxStoreKey+1)}}}, false},
		"a token":               {Call{Metrics: &MetricsQuery{Token: strings.Repeat("x", maxToken)}}, true},
		"a token that is bytes": {Call{Metrics: &MetricsQuery{Token: strings.Repeat("\xff", maxToken)}}, false},
		"a message":             {Call{Titles: &TitlesQuery{After: 5, Facts: true}}, true},
		"more than a message":   {Call{Enter: &Enter{Secret: strings.Repeat("\x01", MaxMessage/6)}}, false},
	} {
		if err := test.call.Valid(); (err == nil) != test.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A worker that says messages without end is heard at a pace.
func TestPace(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	worker := New(file)
	sent := make(chan error, 1)
	const more = 200
	go func() {
		defer worker.Close()
		for range mostMessages + more {
			if err := worker.Send(Ready{Offset: 1}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	start := time.Now()
	for range mostMessages + more {
		if _, err := supervisor.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	if took, least := time.Since(start), more*time.Second/mostMessages*9/10; took < least {
		t.Errorf("%d messages took %v, want at least %v", mostMessages+more, took, least)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}
