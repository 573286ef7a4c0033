package hubspot

import (
	"strconv"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// account is the portal's id as a number.
func (p *portal) account() int64 {
	n, _ := strconv.ParseInt(p.world.Account, 10, 64) // 0 for a world without an account
	return n
}

// zone is the account's time zone; UTC where the world names none that is known.
func (p *portal) zone() *time.Location {
	zone, err := time.LoadLocation(p.world.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// serveAccount answers GET /account-info/.../details. The tier is not part of it.
func (p *portal) serveAccount(c *call) (any, error) {
	at := c.now.In(p.zone())
	_, seconds := at.Zone()
	return map[string]any{
		"portalId": p.account(), "accountType": "STANDARD", "timeZone": p.zone().String(), "companyCurrency": p.world.Currency,
		"additionalCurrencies": []string{}, "utcOffset": at.Format("-07:00"), "utcOffsetMilliseconds": seconds * 1000,
		"uiDomain": uiDomain, "dataHostingLocation": "na1",
	}, nil
}

// uiDomain is where HubSpot's own pages are.
const uiDomain = "app.hubspot.com"
