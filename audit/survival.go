package audit

import "github.com/plumbline/plumbline/internal/crm"

// survival are sorted stays of which some have not ended yet: lengths in microseconds, shifted by one, the lowest bit telling that
// it has ended.
type survival []int64

// quantiles estimates by Kaplan and Meier (1958) after how many days a share p of the stays has ended, for each p in
// ascending order; nil where the stays seen do not reach so far. Of equal lengths ended stays go before those that go on.
func (s survival) quantiles(ps ...float64) []*float64 {
	out := make([]*float64, len(ps))
	alive, next := 1.0, 0
	for i := 0; i < len(s) && next < len(ps); {
		length, ended, all := s[i]>>1, 0, 0
		for ; i+all < len(s) && s[i+all]>>1 == length; all++ {
			ended += int(s[i+all] & 1)
		}
		if ended > 0 {
			alive *= 1 - float64(ended)/float64(len(s)-i)
			for next < len(ps) && alive <= 1-ps[next]+1e-9 {
				days := crm.Instant(length).Days(0)
				out[next] = &days
				next++
			}
		}
		i += all
	}
	return out
}
