package csvfile

import (
	"fmt"
	"slices"
	"strings"
)

// column is one of our columns.
type column int

// Our columns: those of the plain layout, then what only the CRMs' own exports have.
const (
	colID column = iota
	colName
	colPipeline
	colStage
	colStatus
	colAmount
	colCurrency
	colOwner
	colCompany
	colCreated
	colEnteredStage
	colExpectedClose
	colClosed
	colLastActivity
	colNextActivity
	colLostReason

	colUpdated
	colReply   // last e-mail from the buyer
	colMeeting // last meeting
	colMailOut // last e-mail to the buyer
	colWon     // time of winning
	colLost    // time of losing
	colArchivedAt
	colSource
	colProbability
	numColumns
)

// plainColumns is how many columns the plain layout has; only they can be named in --map.
const plainColumns = colLostReason + 1

// aliases are the titles that each column goes by, the best first, folded as [fold] does: the plain layout's own, then
// HubSpot's, then Pipedrive's with the translations that are known.
var aliases = [numColumns][]string{
	colID:            {"id", "record id", "id de registro", "deal - id", "negócio - id", "affaire - id", "trato - id"},
	colName:          {"name", "deal name", "nombre del negocio", "nom de la transaction", "deal - title", "negócio - título", "affaire - titre", "trato - título"},
	colPipeline:      {"pipeline", "deal - pipeline", "negócio - funil", "affaire - pipeline", "trato - embudo"},
	colStage:         {"stage", "deal stage", "etapa del negocio", "étape de la transaction", "deal - stage", "negócio - etapa", "affaire - étape", "trato - etapa"},
	colStatus:        {"status", "deal - status", "negócio - status", "affaire - statut", "trato - estado"},
	colAmount:        {"amount", "valor", "montant", "deal - value", "negócio - valor", "affaire - valeur", "trato - valor"},
	colCurrency:      {"currency", "moneda", "devise", "deal - currency of value", "negócio - moeda de valor", "deal - currency", "affaire - devise de valeur"},
	colOwner:         {"owner", "deal owner", "propietario del negocio", "propriétaire de la transaction", "deal - owner", "negócio - proprietário", "affaire - propriétaire", "trato - propietario"},
	colCompany:       {"company", "associated company", "primary company", "associated company (primary)", "deal - organization", "negócio - organização", "affaire - organisation"},
	colCreated:       {"created", "create date", "hubspot create date", "fecha de creación", "date de création", "deal - deal created", "negócio - negócio criado em", "negócio - data de criação do negócio", "affaire - affaire créée"},
	colEnteredStage:  {"entered stage", "date entered current stage", "deal - last stage change", "negócio - última alteração de etapa"},
	colExpectedClose: {"expected close", "close date", "fecha de cierre", "date de fermeture", "deal - expected close date", "negócio - data de fechamento esperada", "affaire - date de clôture prévue"},
	colClosed:        {"closed", "close date", "fecha de cierre", "date de fermeture", "deal - deal closed on", "negócio - negócio fechado em"},
	colLastActivity:  {"last activity", "last contacted", "last activity date", "deal - last activity date", "negócio - data da última atividade"},
	colNextActivity:  {"next activity", "next activity date", "deal - next activity date", "negócio - próxima atividade em", "negócio - data da próxima atividade"},
	colLostReason:    {"lost reason", "closed lost reason", "deal - lost reason", "negócio - motivo da perda", "affaire - raison de la perte", "affaire - raison de perte"},
	colUpdated:       {"last modified date", "deal - update time", "negócio - atualizado em", "affaire - heure de mise à jour"},
	colReply:         {"recent sales email replied date", "deal - last email received", "negócio - último e-mail recebido"},
	colMeeting:       {"latest meeting activity"},
	colMailOut:       {"deal - last email sent", "negócio - último e-mail enviado"},
	colWon:           {"deal - won time", "negócio - ganho em", "affaire - date de gain"},
	colLost:          {"deal - lost time", "negócio - data de perda", "affaire - heure de l'échec"},
	colArchivedAt:    {"deal - archive time", "negócio - horário do arquivamento"},
	colSource:        {"record source", "deal - source origin", "negócio - origem"},
	colProbability:   {"deal probability"},
}

// String gives the plain layout's title.
func (c column) String() string { return strings.ReplaceAll(aliases[c][0], " ", "_") }

// Places of a column that is not among a file's titles.
const (
	absent   = -1 // not known
	declared = -2 // known to be empty
)

// columns are the places of our columns among a file's titles.
type columns struct {
	at     [numColumns]int
	titles []string
	layout string
}

// known reports whether the file, or the caller, says anything about a column.
func (c *columns) known(col column) bool { return c.at[col] != absent }

// title is the file's own title of a column; "" where it has none.
func (c *columns) title(col column) string {
	if c.at[col] < 0 {
		return ""
	}
	return c.titles[c.at[col]]
}

// ambiguous lists the titles in use that the file has more than once: only the first column of such a title is read.
func (c *columns) ambiguous() (titles []string) {
	for i, t := range c.titles {
		used := slices.Contains(c.at[:], i)
		again := slices.ContainsFunc(c.titles[i+1:], func(other string) bool { return fold(other) == fold(t) })
		if used && again && t != "" {
			titles = append(titles, t)
		}
	}
	return titles
}

// fold makes titles and words comparable: lower case, underscores as spaces, single spaces.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(s), "_", " ")), " ")
}

// recognise finds our columns among titles, by what the caller maps and else by the titles that are known.
func recognise(titles []string, mapping string) (columns, []string) {
	cols := columns{titles: titles, layout: layoutOf(titles)}
	folded := map[string]int{}
	for i, t := range titles {
		if _, twice := folded[fold(t)]; !twice && t != "" {
			folded[fold(t)] = i
		}
	}
	for col := range numColumns {
		cols.at[col] = absent
		for _, name := range aliases[col] {
			if i, ok := folded[name]; ok {
				cols.at[col] = i
				break
			}
		}
	}
	problems := cols.apply(mapping, folded)
	for _, need := range []column{colID, colStage} {
		if cols.at[need] < 0 && len(problems) == 0 {
			problems = append(problems, fmt.Sprintf("no title is known to be the deals' %s: say --map %s=TITLE with one of %s", need, need, quoteAll(titles)))
		}
	}
	return cols, problems
}

// apply puts --map's pairs over what was recognised.
func (c *columns) apply(mapping string, folded map[string]int) (problems []string) {
	pairs, err := list(mapping)
	if err != nil {
		return []string{fmt.Sprintf("--map: %v", err)}
	}
	seen := map[column]bool{}
	for _, pair := range pairs {
		ours, theirs, ok := strings.Cut(pair, "=")
		col, known := columnNamed(ours)
		theirs = strings.TrimSpace(theirs)
		i, there := folded[fold(theirs)]
		if exact := slices.Index(c.titles, theirs); exact >= 0 && theirs != "" {
			i, there = exact, true
		}
		switch {
		case !ok:
			problems = append(problems, fmt.Sprintf("--map: %q is not of the form ours=theirs", pair))
		case !known:
			problems = append(problems, fmt.Sprintf("--map: there is no column %q; the columns are %s", strings.TrimSpace(ours), columnList()))
		case seen[col]:
			problems = append(problems, fmt.Sprintf("--map: %s is given twice", col))
		case theirs == "":
			c.at[col] = declared
		case !there:
			problems = append(problems, fmt.Sprintf("--map: the file has no title %q; its titles are %s", theirs, quoteAll(c.titles)))
		default:
			c.at[col] = i
		}
		seen[col] = known
	}
	return problems
}

func columnNamed(name string) (column, bool) {
	for col := range plainColumns {
		if aliases[col][0] == fold(name) {
			return col, true
		}
	}
	return 0, false
}

func columnList() string {
	var names []string
	for col := range plainColumns {
		names = append(names, col.String())
	}
	return strings.Join(names, ", ")
}

func quoteAll(titles []string) string {
	var q []string
	for _, t := range titles {
		q = append(q, fmt.Sprintf("%q", t))
	}
	return strings.Join(q, ", ")
}

// layoutOf tells whose titles a file has.
func layoutOf(titles []string) string {
	hubspot := 0
	for _, t := range titles {
		f := fold(t)
		for _, prefix := range []string{"deal - ", "negócio - ", "affaire - ", "trato - "} {
			if strings.HasPrefix(f, prefix) {
				return "pipedrive"
			}
		}
		switch f {
		case "record id", "deal name", "deal stage", "deal owner", "id de registro", "nombre del negocio", "etapa del negocio":
			hubspot++
		}
	}
	if hubspot >= 2 {
		return "hubspot"
	}
	return "plain"
}

// list splits the text of a flag at its commas. Quotes that begin an item, or what stands behind its "=", keep commas
// together, a doubled one within them being one; quotes elsewhere are what they are.
func list(s string) ([]string, error) {
	var out []string
	var item strings.Builder
	quoted := false
	end := func() {
		if it := strings.TrimSpace(item.String()); it != "" {
			out = append(out, it)
		}
		item.Reset()
	}
	for i := 0; i < len(s); i++ {
		soFar := strings.TrimSpace(item.String())
		switch {
		case quoted && strings.HasPrefix(s[i:], `""`):
			item.WriteByte('"')
			i++
		case s[i] == '"' && (quoted || soFar == "" || strings.HasSuffix(soFar, "=")):
			quoted = !quoted
		case s[i] == ',' && !quoted:
			end()
		default:
			item.WriteByte(s[i])
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quotation mark in %q is never closed", s)
	}
	end()
	return out, nil
}
