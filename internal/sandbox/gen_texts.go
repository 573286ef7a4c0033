package sandbox

import "time"

func zones() []zone {
	return []zone{
		{"UTC", "GBP", 0}, {"Europe/Berlin", "EUR", time.Hour}, {"America/New_York", "USD", -5 * time.Hour},
		{"Europe/Istanbul", "TRY", 3 * time.Hour}, {"Asia/Singapore", "USD", 8 * time.Hour},
	}
}

// stageSet is a pipeline's vocabulary in one language. Open stages are events that have happened.
type stageSet struct {
	open      []string
	won, lost string
}

// stageNames lists the vocabularies; only the first is long enough for a pipeline with too many stages.
func stageNames() []stageSet {
	return []stageSet{
		{[]string{
			"Meeting booked", "Needs confirmed", "Demo held", "Proposal requested", "Proposal delivered", "Decision maker met", "Security review passed",
			"Pilot agreed", "Pilot completed", "Terms agreed", "Legal review passed", "Contract delivered", "Signature date set",
		}, "Closed won", "Closed lost"},
		{[]string{"Termin vereinbart", "Bedarf bestätigt", "Vorführung gehalten", "Angebot übermittelt", "Vertrag zugesandt"}, "Gewonnen", "Verloren"},
		{[]string{"Rendez-vous fixé", "Besoin confirmé", "Démonstration faite", "Devis envoyé", "Contrat transmis"}, "Gagné", "Perdu"},
		{[]string{"Reunión agendada", "Necesidad confirmada", "Demostración hecha", "Propuesta enviada", "Contrato enviado"}, "Ganado", "Perdido"},
		{[]string{"Toplantı planlandı", "İhtiyaç doğrulandı", "Demo yapıldı", "Teklif sunuldu", "Sözleşme gönderildi"}, "Kazanıldı", "Kaybedildi"},
	}
}

// statusNames are names of open stages that are states, not steps.
func statusNames() []string {
	return []string{"On hold", "On Hold", "Paused", "Nurture", "No response", "Stalled", "Pausiert", "En pause", "En attente", "En pausa", "Beklemede"}
}

func lossOptions() []LossOption {
	return []LossOption{
		{"budget", "Price or budget"}, {"competitor", "Chose a competitor"}, {"product_fit", "Missing feature or fit"}, {"timing", "Wrong timing"},
		{"status_quo", "No decision, stays as is"}, {"decision_maker", "No decision maker buy-in"}, {"commitment", "Lack of commitment"},
		{"unresponsive", "Unresponsive"}, {"not_interested", "Not interested"}, {"closed_by_policy", "Closed by policy"}, {"other", "Other"},
	}
}

// secondWording is another label for an option of the list.
func secondWording(option string) string {
	return map[string]string{
		"budget": "Too expensive", "competitor": "Went with another vendor", "product_fit": "Missing functionality", "timing": "Bad timing",
		"status_quo": "Did nothing", "decision_maker": "Management said no", "commitment": "Contract too long",
	}[option]
}

// lossText is what a rep typed about a loss.
type lossText struct{ option, text string }

func lossTexts() []lossText {
	return []lossText{
		{"budget", "Too expensive"}, {"budget", "no budget this year"}, {"budget", "budgt was cut"}, {"budget", "zu teuer"}, {"budget", "kein Buget"},
		{"budget", "Trop cher pour eux"}, {"budget", "pas de budget"}, {"budget", "muy caro"}, {"budget", "sin presupuesto este año"}, {"budget", "fiyat çok yüksek"},
		{"budget", "bütçe yok"}, {"competitor", "went with a competitor"}, {"competitor", "lost to competiter"}, {"competitor", "Wettbewerber gewählt"},
		{"competitor", "Mitbewerber war schneller"}, {"competitor", "parti chez un concurrent"}, {"competitor", "eligieron a la competencia"},
		{"competitor", "rakip firmayı seçti"}, {"product_fit", "missing integration"}, {"product_fit", "feature gap, no SSO"}, {"product_fit", "Funktion fehlt"},
		{"product_fit", "il manque une fonctionnalité"}, {"product_fit", "no cumple requisitos"}, {"product_fit", "ihtiyaca uygun değil"},
		{"timing", "bad timing, maybe next year"}, {"timing", "postponed to Q3"}, {"timing", "Projekt verschoben"}, {"timing", "projet reporté"},
		{"timing", "proyecto aplazado"}, {"timing", "proje ertelendi"}, {"status_quo", "decided to do nothing"}, {"status_quo", "staying with what they have"},
		{"status_quo", "bleibt alles wie es ist"}, {"status_quo", "aucune décision"}, {"status_quo", "se quedan como están"}, {"decision_maker", "CFO did not sign off"},
		{"decision_maker", "boss said no"}, {"decision_maker", "Geschäftsführung hat abgelehnt"}, {"decision_maker", "la direction a refusé"},
		{"unresponsive", "no reply after 5 calls"}, {"unresponsive", "ghosted us"}, {"unresponsive", "keine Antwort mehr"}, {"unresponsive", "ne répond plus"},
		{"unresponsive", "no contesta"}, {"unresponsive", "geri dönüş yok"}, {"unresponsive", "no respnse"}, {"not_interested", "not intrested"},
		{"not_interested", "kein Interesse"}, {"not_interested", "pas intéressé"}, {"not_interested", "no les interesa"}, {"commitment", "never committed to a date"},
		{"other", "merger, project handed to the parent company"},
	}
}

func firstNames() []string {
	return []string{
		"Ana", "Ben", "Chloé", "Deniz", "Elif", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Kemal", "Léa", "Maya", "Noah", "Olivia", "Pablo",
		"Ruth", "Sven", "Tomás", "Ulrike", "Vera", "Will", "Yasmin", "Zoe", "Ayşe", "Marc", "Nadia", "Oskar", "Priya", "Rahul", "Sofia",
	}
}

func lastNames() []string {
	return []string{
		"Acar", "Bauer", "Costa", "Dubois", "Evans", "Fischer", "García", "Hansen", "Ito", "Jansen", "Kaya", "Lopez", "Meyer", "Nguyen", "Öztürk",
		"Petit", "Quinn", "Rossi", "Schmidt", "Tan", "Unger", "Vidal", "Weber", "Young", "Zimmer", "Yıldız", "Moreau",
	}
}

func companyHeads() []string {
	return []string{
		"Alder", "Beacon", "Cobalt", "Delta", "Ember", "Falcon", "Granite", "Harbor", "Indigo", "Juniper", "Kestrel", "Lumen", "Meridian", "Nimbus",
		"Onyx", "Prairie", "Quarry", "Riverton", "Saffron", "Tundra", "Umbra", "Verdant", "Willow", "Xenon", "Yarrow", "Zephyr", "Anka", "Brücke", "Étoile",
	}
}

func companyTails() []string {
	return []string{
		"Logistics", "Foods", "Textil GmbH", "Pumps", "Analytics", "Énergie SA", "Makina A.Ş.", "Health", "Robotics", "Papier AG", "Seguros",
		"Optics", "Ceramics", "Motors", "Software", "Hoteles", "Pharma", "Steel", "Media",
	}
}

func products() []string {
	return []string{
		"annual plan", "platform licence", "support contract", "pilot project", "site rollout", "seat extension", "data migration", "training package",
		"premium upgrade", "hardware bundle", "integration", "managed service",
	}
}

func subjects() []string {
	return []string{"Follow up", "Walk through the offer", "Check in with the buyer", "Discuss next steps", "Review requirements", "Answer open questions"}
}
