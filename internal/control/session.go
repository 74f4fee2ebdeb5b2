package control

import (
	"encoding/json"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// PageSize is the most entries of a list in one reply, so that it stays
// within MaxMessage.
const PageSize = 50

// Call is what a session worker asks of its supervisor: exactly one of the
// pointers is set. Whose session it is and what it may do belong to the
// supervisor's handle of it, not to the call.
type Call struct {
	Seq        uint64         `json:"seq"`
	Titles     *TitlesQuery   `json:"titles,omitempty"`
	Request    *Request       `json:"request,omitempty"`
	Deliveries *DeliveryQuery `json:"deliveries,omitempty"`
	Show       *ShowQuery     `json:"show,omitempty"`
	Cancel     *CancelQuery   `json:"cancel,omitempty"`
	Add        *AddTitle      `json:"add,omitempty"`
	Remove     *RemoveTitle   `json:"remove,omitempty"`
	Where      *WhereQuery    `json:"where,omitempty"`
	See        *SeeQuery      `json:"see,omitempty"`
	Replace    *ReplaceTitle  `json:"replace,omitempty"`
	Older      *OlderQuery    `json:"older,omitempty"`
	Redeliver  *Redeliver     `json:"redeliver,omitempty"`
	Receptions *NamesQuery    `json:"receptions,omitempty"`
	Health     *HealthQuery   `json:"health,omitempty"`
	News       *NewsQuery     `json:"news,omitempty"`
	Store      *StoreQuery    `json:"store,omitempty"` // of a reception server
	Metrics    *MetricsQuery  `json:"metrics,omitempty"`

	Login           *Login         `json:"login,omitempty"`
	Roster          *NamesQuery    `json:"roster,omitempty"`
	AddReception    *AddReception  `json:"add_reception,omitempty"`
	RemoveReception *ReceptionName `json:"remove_reception,omitempty"`
	CheckReception  *ReceptionName `json:"check_reception,omitempty"`
	Accounts        *NamesQuery    `json:"accounts,omitempty"`
	Sources         *SourcesQuery  `json:"sources,omitempty"`
	AddAccount      *AddAccount    `json:"add_account,omitempty"`
	RemoveAccount   *AccountName   `json:"remove_account,omitempty"`

	Enter    *Enter      `json:"enter,omitempty"`
	Visit    *Visit      `json:"visit,omitempty"`
	Leave    *Leave      `json:"leave,omitempty"`
	LinkOnce *LinkOnce   `json:"link_once,omitempty"`
	Chart    *ChartQuery `json:"chart,omitempty"`
}

// Reply answers the Call with the same Seq: Refusal, or what was asked for.
type Reply struct {
	Seq        uint64         `json:"seq"`
	Refusal    *Refusal       `json:"refusal,omitempty"`
	Titles     *TitlePage     `json:"titles,omitempty"`
	Deliveries *DeliveryPage  `json:"deliveries,omitempty"`
	Delivery   *DeliveryStory `json:"delivery,omitempty"`
	Change     *TitleChange   `json:"change,omitempty"`
	Promises   *Promises      `json:"promises,omitempty"`
	Prospects  *ProspectPage  `json:"prospects,omitempty"`
	Seen       *Seen          `json:"seen,omitempty"`
	Older      *OlderPage     `json:"older,omitempty"`
	Comparing  *Comparing     `json:"comparing,omitempty"`
	Receptions *NamePage      `json:"receptions,omitempty"`
	Health     *Health        `json:"health,omitempty"`
	News       *News          `json:"news,omitempty"`
	Store      *StoreAnswer   `json:"store,omitempty"`
	Metrics    *Metrics       `json:"metrics,omitempty"`

	Welcome  bool           `json:"welcome,omitempty"` // to Login
	Roster   *ReceptionPage `json:"roster,omitempty"`
	Code     *PairingCode   `json:"code,omitempty"`
	Findings *Findings      `json:"findings,omitempty"`
	Accounts *AccountPage   `json:"accounts,omitempty"`
	Sources  *SourceList    `json:"sources,omitempty"`
	Account  *MadeAccount   `json:"account,omitempty"`
	Removed  *Removed       `json:"removed,omitempty"`

	Entered *Entered  `json:"entered,omitempty"`
	Visitor *Visitor  `json:"visitor,omitempty"`
	Once    *OnceLink `json:"once,omitempty"`
	Chart   *Chart    `json:"chart,omitempty"`
}

// TitlesQuery asks for the titles with numbers above After: at most Most, unless
// that is 0, and with Facts with their kinds and sizes, which need a look at each.
type TitlesQuery struct {
	After int  `json:"after"`
	Most  int  `json:"most,omitempty"`
	Facts bool `json:"facts,omitempty"`
}

// DeliveryQuery asks for the deliveries with ids below Before, the newest
// first; 0 means from the newest. Some is which of them.
type DeliveryQuery struct {
	Before int64 `json:"before"`
	Some   Some  `json:"some,omitempty"`
}

// Some says which deliveries are asked for.
type Some string

// Which deliveries there are to ask for.
const (
	All     Some = ""
	Running Some = "running" // those that have not ended
	Ended   Some = "ended"
)

// ShowQuery asks for one delivery. With Wait it is answered as soon as the
// delivery's revision is another than Revision, or when Wait is over.
type ShowQuery struct {
	ID       int64         `json:"id"`
	Revision int64         `json:"revision"`
	Wait     time.Duration `json:"wait"`
}

// CancelQuery asks for the end of a delivery.
type CancelQuery struct {
	ID int64 `json:"id"`
}

// MaxReceptions is the most receptions that one request or question may name.
const MaxReceptions = 32

// WhereQuery asks which receptions could have a title by a deadline: those
// that are named, or the known ones with names after After.
type WhereQuery struct {
	Number     int       `json:"number"`
	By         time.Time `json:"by"`
	From       time.Time `json:"from,omitzero"`
	MaxPace    int64     `json:"max_pace,omitempty"`
	Receptions []string  `json:"receptions,omitempty"`
	After      string    `json:"after,omitempty"`
}

// NamesQuery asks for the names of the known receptions after After.
type NamesQuery struct {
	After string `json:"after"`
}

// Request asks for a title by a deadline, on Reception or on all of Receptions.
type Request struct {
	Key        string    `json:"key"` // idempotency key
	Number     int       `json:"number"`
	Reception  string    `json:"reception,omitempty"`
	Receptions []string  `json:"receptions,omitempty"`
	By         time.Time `json:"by,omitzero"`
	ByEarliest bool      `json:"by_earliest"` // instead of By: as early as can be promised
	From       time.Time `json:"from,omitzero"`
	MaxPace    int64     `json:"max_pace,omitempty"` // bytes a second that it may go at; 0 is as fast as can be
	Mail       string    `json:"mail"`
	Language   string    `json:"language,omitempty"` // of the mail: "es" or "en"; empty is the server's
}

// Refusal says why a call was not granted. Earliest and Constraint are set
// where a later deadline would have been accepted. Report has an entry for each
// reception of a request for several, of which none was promised anything.
type Refusal struct {
	Code       reason.Code `json:"reason"`
	Detail     string      `json:"detail"`
	Earliest   time.Time   `json:"earliest,omitzero"`
	Constraint string      `json:"constraint,omitempty"`
	Report     []Prospect  `json:"report,omitempty"`
}

// Prospect says whether a title could be at a reception by a deadline: if so,
// with the planned Start and End, otherwise with the Code, and the Earliest and
// the Constraint as far as there are any.
type Prospect struct {
	Reception  string      `json:"reception"`
	Possible   bool        `json:"possible"`
	Start      time.Time   `json:"start,omitzero"`
	End        time.Time   `json:"end,omitzero"`
	Code       reason.Code `json:"reason,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Earliest   time.Time   `json:"earliest,omitzero"`
	Constraint string      `json:"constraint,omitempty"`
}

// ProspectPage answers a WhereQuery; More says that there are receptions after
// the last one.
type ProspectPage struct {
	Receptions []Prospect `json:"receptions"`
	More       bool       `json:"more"`
}

// NamePage is part of the list of the names of receptions, in order; More says
// that there are others.
type NamePage struct {
	Receptions []string `json:"receptions"`
	More       bool     `json:"more"`
}

// Promises is what a request for several receptions was promised, in the order
// in which they were named.
type Promises struct {
	Deliveries []Delivery `json:"deliveries"`
}

// Title is a title as users see it; to administrators it has its source.
type Title struct {
	Number      int    `json:"number"`
	Name        string `json:"name"`
	Duration    int64  `json:"duration"` // seconds
	Description string `json:"description,omitempty"`
	Facts       *Facts `json:"facts,omitempty"`
	*TitleSource
}

// Facts are what is to be seen of a title before it is delivered.
type Facts struct {
	Kind Kind  `json:"kind"`
	Size int64 `json:"size"` // bytes; -1 where that is not known
}

// TitlePage is part of the list of titles; More says that there are others.
type TitlePage struct {
	Titles []Title `json:"titles"`
	More   bool    `json:"more"`
}

// Delivery is a delivery as users see it. Sizes are bytes, rates bytes a
// second.
type Delivery struct {
	ID        int64       `json:"id"`
	Title     string      `json:"title"`
	Number    int         `json:"number"`
	Reception string      `json:"reception"`
	State     string      `json:"state"`
	Offset    int64       `json:"offset"` // durable at the reception
	Size      int64       `json:"size"`
	Rate      int64       `json:"rate"`               // measured, while it is sending
	MaxPace   int64       `json:"max_pace,omitempty"` // that it may go at; 0 is as fast as can be
	Deadline  time.Time   `json:"deadline"`
	Start     time.Time   `json:"start"` // planned
	End       time.Time   `json:"end"`   // planned
	Started   time.Time   `json:"started,omitzero"`
	Finished  time.Time   `json:"finished,omitzero"`
	SHA256    string      `json:"sha256,omitempty"`
	Reason    reason.Code `json:"reason,omitempty"` // why it ended, or why it waits
	Detail    string      `json:"detail,omitempty"`
	AtRisk    bool        `json:"at_risk"`
	Late      bool        `json:"late"`
	Resumes   int         `json:"resumes"`

	// Of a live source: how much of it was captured, in milliseconds, and how
	// much is to be. Its size is -1 until it has ended.
	Live     bool  `json:"live,omitempty"`
	Captured int64 `json:"captured_ms,omitempty"`
	Lasts    int64 `json:"duration_ms,omitempty"`
}

// Measure is how far a delivery is, and how far it goes: by its bytes, or where
// nobody knows how many there will be, by its time.
func (d Delivery) Measure() (have, all int64) {
	if d.Live && d.Size < 0 {
		return d.Captured, max(1, d.Lasts)
	}
	return d.Offset, d.Size
}

// DeliveryPage is part of the list of deliveries; More says that there are others.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	More       bool       `json:"more"`
}

// Event is one thing that happened to a delivery.
type Event struct {
	At     time.Time   `json:"at"`
	Kind   string      `json:"kind"`
	Reason reason.Code `json:"reason,omitempty"`
	Offset int64       `json:"offset"`
	Detail string      `json:"detail,omitempty"`
}

// MaxEvents is the most events in a DeliveryStory: the latest, and fewer beside a
// long receipt.
const MaxEvents = 100

// DeliveryStory is a delivery with all that is known of it.
type DeliveryStory struct {
	Delivery
	Revision   int64           `json:"revision"` // another after each change
	Pace       int64           `json:"pace"`     // that the promise reserves at least
	Requested  time.Time       `json:"requested"`
	Sent       int64           `json:"sent"` // source bytes sent in all attempts
	Events     []Event         `json:"events"`
	Receipt    json.RawMessage `json:"receipt,omitempty"`     // as the reception signed it
	ReceiptKey string          `json:"receipt_key,omitempty"` // that the reception is known by, hex
	Mails      []Mail          `json:"mails,omitempty"`       // that tell of it, the oldest first
	Filmed     *Filmed         `json:"filmed,omitempty"`      // of a live source, from when it is captured until the delivery ends
}

// Filmed is how a live source is captured for a delivery.
type Filmed struct {
	Since    time.Time     `json:"since"`
	Until    time.Time     `json:"until"`               // its time is over then
	Recorded int64         `json:"recorded"`            // bytes so far
	Behind   int64         `json:"behind_ms"`           // of what was captured, how much is yet to arrive
	Gaps     []receipt.Gap `json:"gaps"`                // so far, from the beginning
	MoreGaps int           `json:"more_gaps,omitempty"` // that are not listed
	Trouble  reason.Code   `json:"trouble,omitempty"`   // why a device gives nothing now
	Stopped  bool          `json:"stopped,omitempty"`   // somebody ended it sooner
}
