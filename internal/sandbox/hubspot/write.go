package hubspot

// warning tells what a write changed of a value.
type warning struct {
	Category string            `json:"category"`
	Message  string            `json:"message"`
	Context  map[string]string `json:"context"`
}

// newLink is an association that comes with a new record.
type newLink struct {
	To struct {
		ID text `json:"id"`
	} `json:"to"`
	Types []newLinkType `json:"types"`
}

type newLinkType struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}
