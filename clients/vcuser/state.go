package main

// ended says whether nothing more happens to a delivery in this state.
func ended(state string) bool { return state == deposited || state == "failed" || state == "cancelled" }

// deposited is the state of a delivery that has arrived whole.
const deposited = "deposited"
