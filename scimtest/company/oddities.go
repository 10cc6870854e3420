package company

import "strings"

// oddities are people whose names trip programs up. Every company of three
// times their number has them all.
var oddities = []person{
	{given: "Amelia", surname: "O'Connor", display: "Amelia O'Connor"},
	{given: "Zubin", surname: "D’Souza", display: "Zubin D’Souza"}, // a typographic apostrophe
	{given: "Walter", surname: "van der Berg", display: "Walter van der Berg"},
	{given: "María Fernanda", surname: "de la Cruz y Ortega-Núñez", display: "María Fernanda de la Cruz y Ortega-Núñez"},
	{given: "Madonna", display: "Madonna"},                                                    // one name: no surname
	{surname: "Teller", display: "Teller"},                                                    // and no given name
	{given: "X Æ A-12", surname: "Müsk", display: "X Æ A-12 Müsk", login: "xaea12"},           // digits in a name
	{given: "Zoe\u0308", surname: "Mu\u0308ller", display: "Zoe\u0308 Mu\u0308ller"},          // combining characters
	{given: "Zoë", surname: "Müller", display: "Zoë Müller"},                                  // and a namesake without
	{given: "Ada", surname: "Lovelace", display: "Ada Lovelace 👩🏽‍💻"},                         // three emoji that show as one
	{given: "Hana", surname: "Kobayashi", display: "🌸 小林 花 (Hana Kobayashi) 🇯🇵"},              // from two scripts
	{given: "Robert \"Bob\"", surname: `Back\slash`, display: `Robert "Bob" Back\slash, Jr.`}, // what JSON and filters escape
	{given: "Null", surname: "Null", display: "Null"},
	{given: "True", surname: "False", display: "True False"},
	{given: "Ng", surname: "Á", display: "Ng Á"},
	{given: "عمر", surname: "Al-Khayyām", display: "عمر Al-Khayyām", login: "omar.alkhayyam"},                                // in both directions
	{given: "\u2067דָּוִד\u2069", surname: "\u2067כֹּהֵן\u2069", display: "\u2067דָּוִד כֹּהֵן\u2069", login: "dawid.kohen"}, // with isolates
	{given: "İlkay", surname: "ıŞIK", display: "İlkay ıŞIK", login: "ilkay.isik"},                                            // whose small letters are not those of English
	{given: "Straße", surname: "GROẞ", display: "Straße GROẞ", login: "strasse.gross"},                                       // a capital ß
	{given: "ﬁona", surname: "Ⅷ", display: "ﬁona Ⅷ", login: "fiona.viii"},                                                    // a ligature and a numeral
	{given: "Ｔａｎａｋａ", surname: "ﾀﾛｳ", display: "ﾀﾛｳ Ｔａｎａｋａ", login: "tanaka.taro"},                                           // full and half width
	{given: "R&D <admin>", surname: "&amp; Sons", display: "R&D <admin> &amp; Sons", login: "rnd.sons"},
	{given: "Smith, John", surname: "(external) [temp] eq", display: "Smith, John (external) [temp] eq", login: "smith.john"}, // what filters are made of
	{given: "100%", surname: "_wild*card?", display: "100% _wild*card?", login: "wild.card"},
	{given: "Zalgo", surname: "Z̵̡͙a̷̢̛l̸͎͝g̴̰͠o̶̝͐", display: "Zalgo Z̵̡͙a̷̢̛l̸͎͝g̴̰͠o̶̝͐", login: "zalgo"},
	{
		given:   "Hubert Blaine " + strings.Repeat("Maximilian ", 10) + "Zeus",
		surname: "Wolfe\u00adschlegel\u00adstein\u00adhausen\u00adberger\u00addorff welche vor altern waren gewissenhaft schafers", // with soft hyphens
		display: "Hubert B. Wolfeschlegelsteinhausenbergerdorff Sr. " + strings.Repeat("von und zu ", 15) + "Ende",
		login:   "hubert." + strings.Repeat("wolfeschlegelsteinhausen", 2),
	},
}

var (
	emoji    = []string{"🌻", "🏄", "❄️", "👨‍👩‍👧‍👦", "🧑🏿‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "☕", "(he/him) ✨"}
	tags     = []string{"hr", "scim", "2026", "all-hands"}
	partners = []string{"fabrikam.example", "woodgrove.example", "北風.example", "northwind.example"}
	topics   = []string{"Phoenix", "Aurora", "Migration 2026", "Zürich", "プロジェクト桜", "Проект «Север»", "قهوة", "Chess ♟️", "Fire Wardens", "ISO 27001", "GPU \"H\" Cluster", `Share\Finance`, "Coffee & Cake ☕"}
	patterns = []string{"SG-App-%s-Users", "Project %s", "%s", "On-Call %s 🚨", "DL %s (EMEA)", "sg_%s_rw"}
)

// decomposed has the accented letters of the names above as Unicode's
// normalization form D writes them.
var decomposed = func() map[rune]string {
	out := map[rune]string{}
	for mark, pairs := range map[string]string{
		"\u0300": "ÀA ÈE ÌI ÒO ÙU àa èe ìi òo ùu", "\u0301": "ÁA ÉE ÍI ÓO ÚU ÝY áa ée íi óo úu ýy ŹZ źz ŚS śs ĆC ćc ŃN ńn",
		"\u0302": "ÂA ÊE ÎI ÔO ÛU âa êe îi ôo ûu", "\u0303": "ÃA ÑN ÕO ãa ñn õo ĩi ũu", "\u0304": "āa",
		"\u0306": "ăa ğg ĞG", "\u0307": "ŻZ żz İI", "\u0308": "ÄA ËE ÏI ÖO ÜU äa ëe ïi öo üu ÿy ŸY ёе їі ЇІ",
		"\u030a": "ÅA åa ůu ŮU", "\u030b": "őo ŐO űu ŰU", "\u030c": "čc ČC ďd ěe ňn řr ŘR šs ŠS ťt žz ŽZ",
		"\u0327": "çc ÇC şs ŞS", "\u0328": "ąa ęe ĄA ĘE", "\u0323": "ạa ẹe ịi ọo ỌO ṣs ṢS", "\u0309": "ảa", "\u031b": "ưu ơo",
	} {
		for pair := range strings.FieldsSeq(pairs) {
			r := []rune(pair)
			out[r[0]] = string(r[1]) + mark
		}
	}

	for r, parts := range map[rune]string{
		'ấ': "a\u0302\u0301", 'ầ': "a\u0302\u0300", 'ậ': "a\u0323\u0302", 'ặ': "a\u0323\u0306", 'ế': "e\u0302\u0301", 'ễ': "e\u0302\u0303", 'ệ': "e\u0323\u0302",
		'ố': "o\u0302\u0301", 'ồ': "o\u0302\u0300", 'ộ': "o\u0323\u0302", 'ớ': "o\u031b\u0301", 'ờ': "o\u031b\u0300",
	} {
		out[r] = parts
	}
	return out
}()

// ascii has what stands for a letter in a user name.
var ascii = func() map[rune]string {
	out := map[rune]string{
		'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ı': "i",
		'ä': "ae", 'ö': "oe", 'ü': "ue", // as Germans do
	}
	for r, parts := range decomposed {
		if _, ok := out[r]; !ok && parts[0] < 0x80 {
			out[r] = strings.ToLower(parts[:1])
		}
	}
	return out
}()
