package company

import "strings"

// A culture is where somebody comes from: what people are called there, and
// how their names are put together.
type culture struct {
	language    string // BCP 47
	women, men  []name
	family      []name // empty: people have one name
	familyWomen []name // where surnames have a form of their own for women
	familyFirst bool
	space       string // between the names, if the family's comes first
	double      int    // one in so many has two surnames; 0: nobody
	join        string // between those
	office      office
}

// A name has a form in ASCII, for user names.
type name struct{ text, latin string }

// names reads names from a list, such as "Анна/anna, Ольга/olga". Where there
// is no second form it follows from the first one.
func names(list string) (out []name) {
	for entry := range strings.SplitSeq(list, ", ") {
		text, latin, ok := strings.Cut(entry, "/")
		if !ok {
			latin = login(strings.ReplaceAll(text, " ", ""))
		}
		out = append(out, name{text, latin})
	}
	return out
}

// An office is where people of a culture work.
type office struct {
	name, street, postalCode, city, state, country, phone string
	group                                                 string // of those who work there
}

var cultures = []*culture{
	{
		language: "en-US", double: 15, join: "-",
		women:  names("Grace, Naomi, Savannah, Keala, Olivia, Destiny, Abigail, Latoya, Mary Ann, Wren"),
		men:    names("Marcus, Ethan, Tyrone, Noah, Malik, Hunter, José, DeShawn, Billy-Ray, Chayton"),
		family: names("Washington, Begaye, Jackson, Whitehorse, Goldberg, Kahananui, Nguyen, McAllister, Hernández, Brooks, St. James, Okafor, Li, Smith"),
		office: office{"Seattle", "1 Harbor Way", "98101", "Seattle", "WA", "US", "+1 206", "Seattle Office"},
	},
	{
		language: "en-GB", double: 8, join: "-",
		women:  names("Gwenllian, Beatrix, Rosalind, Imogen, Ayesha, Chloë, Zoë, Fiona, Olumide, Priya"),
		men:    names("Alistair, Tariq, Callum, Edmund, Yusuf, Kwame, Rhys, Dafydd, Ewan, Zubin"),
		family: names("McKenzie, Hussain, Pritchard, Holloway, D'Arcy, D'Souza, Sutherland, FitzGerald, Thackeray, Blackwood, ap Rhys, Featherstonehaugh, Ng, O'Neill"),
		office: office{"London", "22 Candlemaker Row", "EC1A 1AA", "London", "", "GB", "+44 20", "London Office"},
	},
	{
		language: "ga-IE",
		women:    names("Siobhán, Gráinne, Caoimhe, Sinéad, Órla, Niamh, Róisín, Aoife"),
		men:      names("Pádraig, Seán, Oisín, Cillian, Ruairí, Tadhg, Éamonn, Dáithí"),
		family:   names("O'Connor, O’Brien, Ó Súilleabháin, Ní Dhomhnaill, Mac Giolla Phádraig, Murphy, Byrne, O'Shaughnessy, McGrath, Ó Sé"),
		office:   office{"Dublin", "3 Tanner's Quay", "D02 XY45", "Dublin", "", "IE", "+353 1", "Oifig Bhaile Átha Cliath"},
	},
	{
		language: "de-DE", double: 10, join: "-",
		women:  names("Käthe, Anneliese, Jördis, Ülkü, Friederike, Änne, Sabine, Gül, Mareike, Hannelore"),
		men:    names("Jürgen, Björn, Sören, Götz, Karl-Heinz, Łukasz, Uwe, Matthäus, Hans Jörg, Bülent"),
		family: names("Müller, Groß, Weiß, Österreicher, Jäger, Schönfelder, von der Heide, zu Guttenberg, Schäuble, Straßburger, Kühn, Özdemir, Süß, Freiherr von Böhmer"),
		office: office{"Berlin", "Lindenhof 7", "10115", "Berlin", "BE", "DE", "+49 30", "Büro Berlin"},
	},
	{
		language: "fr-FR", double: 12, join: "-",
		women:  names("Chloé, Aïcha, Anaïs, Hélène, Marie-Noëlle, Œuvrine, Cécile, Ségolène, Maëlys, Fatoumata"),
		men:    names("François, Loïc, Gaël, Jean-Baptiste, Théo, Noël, Rémi, Mamadou, Benoît, Côme"),
		family: names("Lefèvre, de La Fontaine, d'Estaing, L'Hôpital, Le Goff, Dupont, Desprès, Diallo, Garçon, Crèvecœur, Saint-Exupéry, Müntz, Château, Ÿsaye"),
		office: office{"Paris", "8 rue de l'Échiquier", "75010", "Paris", "Île-de-France", "FR", "+33 1", "Bureau de Paris"},
	},
	{
		language: "es-ES", double: 1, join: " ",
		women:  names("María José, Begoña, Nuria, Inés, Concepción, Ximena, Lucía, Montserrat"),
		men:    names("José María, Íñigo, Ángel, Jesús, Ramón, Julián, Hernán, Raúl"),
		family: names("García, de la Cruz, Muñoz, Ibáñez, Núñez, del Río, y Gasset, Güell, Peña, Zúñiga, Ávila, de los Ríos"),
		office: office{"Madrid", "Calle del Pez Ñandú 5, 2º izq.", "28004", "Madrid", "", "ES", "+34 91", "Oficina de Madrid"},
	},
	{
		language: "pt-BR", double: 3, join: " ",
		women:  names("Conceição, Luíza, Antônia, Iara, Thaís, Graça, Inês, Jacqueline"),
		men:    names("João, Antônio, Luís, Ubiratã, Simão, Caetano, Estêvão, Wellington"),
		family: names("da Silva, dos Santos, Gonçalves, de Araújo, Magalhães, Sant'Anna, Brandão, Ferreira, e Souza, Simões, Júnior, Guimarães"),
		office: office{"São Paulo", "Rua das Maçãs 120", "01310-000", "São Paulo", "SP", "BR", "+55 11", "Escritório São Paulo"},
	},
	{
		language: "it-IT",
		women:    names("Nicolò, Mariù, Giulia, Desirée, Zoe, Beatrice, Chiara, Ludovica"),
		men:      names("Niccolò, Gesù, Enzo, Dell, Giosuè, Carlo Alberto, Ugo, Pier Paolo"),
		family:   names("D'Angelo, Dell'Acqua, De Luca, Di Pietro, Lo Monaco, Forlì, Cantù, Nicolò, Re, Della Torre"),
		office:   office{"Milano", "Via dell'Orso 9", "20121", "Milano", "MI", "IT", "+39 02", "Ufficio di Milano"},
	},
	{
		language: "nl-NL", double: 9, join: "-",
		women:  names("Anouk, Fleur, Maaike, Sanne, Noëlle, Loes, Jiska, Zoë"),
		men:    names("Joost, Daniël, Thijs, Sjoerd, Floris, Ruud, IJsbrand, Jan-Willem"),
		family: names("van der Berg, de Vries, 't Hart, van 't Hoff, in 't Veld, IJzerman, ten Brink, van den Heuvel, op de Beeck, Hoekstra"),
		office: office{"Amsterdam", "Herengracht 1 A-III", "1015 BA", "Amsterdam", "", "NL", "+31 20", "Kantoor Amsterdam"},
	},
	{
		language: "nb-NO",
		women:    names("Åse, Øyvor, Sølvi, Bjørg, Märta, Åsa, Þórdís, Solveig"),
		men:      names("Øystein, Håkon, Bjørn, Åke, Søren, Njål, Þór, Göran"),
		family:   names("Ødegård, Ångström, Sørensen, Bjørnstad, Lindqvist, Ærø, Strömberg, Jónsdóttir, Å, Håland"),
		office:   office{"Oslo", "Øvre Slottsgate 4", "0157", "Oslo", "", "NO", "+47 22", "Kontoret på Åsen"},
	},
	{
		language: "pl-PL", double: 12, join: "-",
		women:  names("Małgorzata, Jadwiga, Agnieszka, Żaneta, Bożena, Święta, Zofia, Łucja"),
		men:    names("Łukasz, Paweł, Michał, Grzegorz, Józef, Świętopełk, Zdzisław, Bogusław"),
		family: names("Nowak, Wójcik, Zając, Kaczmarek, Źdźbło, Gżegżółka, Stępień, Brzęczyszczykiewicz, Kołodziej, Pięta"),
		office: office{"Kraków", "ul. Świętego Tomasza 3/7", "31-014", "Kraków", "małopolskie", "PL", "+48 12", "Biuro Kraków"},
	},
	{
		language: "cs-CZ",
		women:    names("Růžena, Kateřina, Žofie, Jiřina, Štěpánka, Zdeňka"), men: names("Jiří, Řehoř, Tomáš, Zdeněk, Luboš, Ondřej"),
		family: names("Dvořák, Krejčí, Janů, Šťastný, Němec, Příhoda, Novák, Černý"), familyWomen: names("Dvořáková, Krejčí, Janů, Šťastná, Němcová, Příhodová, Nováková, Černá"),
		office: office{"Praha", "Na Příkopě 14", "110 00", "Praha", "", "CZ", "+420 2", "Kancelář Praha"},
	},
	{
		language: "hu-HU", familyFirst: true, space: " ",
		women: names("Ágnes, Ildikó, Örsi, Zsófia, Kriszta, Tünde"), men: names("Ákos, György, Lőrinc, Zsolt, Ödön, Csaba"),
		family: names("Nagy, Szabó, Kővári, Őry, Tóth, Ördögh, Szűcs, Vörösmarty"),
		office: office{"Budapest", "Üllői út 11.", "1091", "Budapest", "", "HU", "+36 1", "Budapesti iroda"},
	},
	{
		language: "tr-TR",
		women:    names("Ülkü, Işıl, İrem, Çiğdem, Şebnem, Öykü"), men: names("İbrahim, Işık, Çağrı, Oğuz, Şükrü, Ümit"),
		family: names("Yıldırım, İnönü, Çelik, Şahin, Öztürk, Güneş, Kılıç, Ağaoğlu"),
		office: office{"İstanbul", "İstiklâl Cad. 100", "34433", "İstanbul", "", "TR", "+90 212", "İstanbul Ofisi"},
	},
	{
		language: "vi-VN", familyFirst: true, space: " ",
		women: names("Thị Hồng Nhung, Minh Châu, Ngọc Ánh, Thảo, Quỳnh, Diễm"), men: names("Văn Dũng, Quốc Bảo, Đức, Hữu Phước, Tuấn, Khải"),
		family: names("Nguyễn, Trần, Lê, Phạm, Đặng, Võ, Bùi, Đỗ"),
		office: office{"Hà Nội", "12 phố Hàng Đào", "100000", "Hà Nội", "", "VN", "+84 24", "Văn phòng Hà Nội"},
	},
	{
		language: "id-ID", // many have one name
		women:    names("Suharti, Wati, Kartini, Sukmawati, Ni Luh Ayu, Megawati"), men: names("Sukarno, Budiono, Slamet, Joko, I Gusti Ngurah, Bambang"),
		office: office{"Jakarta", "Jl. Jenderal Kopi No. 8", "10110", "Jakarta", "", "ID", "+62 21", "Kantor Jakarta"},
	},
	{
		language: "ru-RU",
		women:    names("Анна/anna, Ольга/olga, Любовь/lyubov, Наталья/natalya, Алёна/alyona, Юлия/yuliya"), men: names("Дмитрий/dmitry, Пётр/pyotr, Илья/ilya, Щукарь/shchukar, Юрий/yury, Фёдор/fyodor"),
		family:      names("Иванов/ivanov, Толстой/tolstoy, Чайковский/chaykovsky, Живаго/zhivago, Черных/chernykh, Римский-Корсаков/rimsky-korsakov, Щербаков/shcherbakov, Объедков/obedkov"),
		familyWomen: names("Иванова/ivanova, Толстая/tolstaya, Чайковская/chaykovskaya, Живаго/zhivago, Черных/chernykh, Римская-Корсакова/rimskaya-korsakova, Щербакова/shcherbakova, Объедкова/obedkova"),
		office:      office{"Астана", "ул. Съездовская, д. 5", "010000", "Астана", "", "KZ", "+7 7172", "Офис «Астана»"},
	},
	{
		language: "uk-UA",
		women:    names("Оксана/oksana, Соломія/solomiya, Наталія/nataliya, Дар'я/darya, Їлена/yilena, Ганна/hanna"), men: names("Андрій/andriy, Тарас/taras, Юрій/yuriy, Євген/yevhen, В'ячеслав/vyacheslav, Ігор/ihor"),
		family: names("Шевченко/shevchenko, Лук'яненко/lukyanenko, Ґоляк/golyak, Коваль/koval, Щербань/shcherban, Їжак/yizhak, Мельник/melnyk, Дем'янюк/demyanyuk"),
		office: office{"Київ", "вул. Ярославів Вал, 3", "01034", "Київ", "", "UA", "+380 44", "Офіс Київ"},
	},
	{
		language: "el-GR",
		women:    names("Ελένη/eleni, Αικατερίνη/aikaterini, Ζωή/zoi, Ευαγγελία/evangelia, Ηώ/io"), men: names("Γιώργος/giorgos, Οδυσσέας/odysseas, Αχιλλεύς/achillefs, Κωνσταντίνος/konstantinos, Μάρκος/markos"),
		family:      names("Παπαδόπουλος/papadopoulos, Οικονόμου/oikonomou, Χατζής/chatzis, Βενιζέλος/venizelos, Ψαράς/psaras"),
		familyWomen: names("Παπαδοπούλου/papadopoulou, Οικονόμου/oikonomou, Χατζή/chatzi, Βενιζέλου/venizelou, Ψαρά/psara"),
		office:      office{"Αθήνα", "Οδός Ερμού 45", "105 63", "Αθήνα", "", "GR", "+30 21", "Γραφείο Αθήνας"},
	},
	{
		language: "hy-AM",
		women:    names("Անահիտ/anahit, Շուշան/shushan, Նարինե/narine"), men: names("Հովհաննես/hovhannes, Տիգրան/tigran, Վարդան/vardan"),
		family: names("Պետրոսյան/petrosyan, Հակոբյան/hakobyan, Խաչատրյան/khachatryan, Տեր-Պետրոսյան/ter-petrosyan"),
		office: office{"Երևան", "Աբովյան փողոց 12", "0001", "Երևան", "", "AM", "+374 10", "Երևանի գրասենյակ"},
	},
	{
		language: "ka-GE",
		women:    names("ნინო/nino, თამარი/tamari, ქეთევან/ketevan"), men: names("გიორგი/giorgi, ვახტანგ/vakhtang, შოთა/shota"),
		family: names("ბერიძე/beridze, ყიფიანი/qipiani, ჭავჭავაძე/chavchavadze, წერეთელი/tsereteli"),
		office: office{"თბილისი", "რუსთაველის გამზირი 8", "0108", "თბილისი", "", "GE", "+995 32", "თბილისის ოფისი"},
	},
	{
		language: "he-IL",
		women:    names("נועה/noa, שָׂרָה/sarah, אורלי/orly, צ'רנה/cherna"), men: names("דוד/david, יִצְחָק/yitzhak, ג'ורג'/george, אֶלְעָזָר/elazar"),
		family: names("כהן/cohen, בן־גוריון/ben-gurion, לוי/levi, צ'רניחובסקי/tchernichovsky, אבו-חצירא/abuhatzeira"),
		office: office{"תל אביב", "רחוב הירקון 7", "6108101", "תל אביב-יפו", "", "IL", "+972 3", "משרד תל אביב"},
	},
	{
		language: "ar-EG",
		women:    names("فاطمة/fatima, نورا/noura, هِبة/hiba, ياسمين/yasmin"), men: names("محمد/mohamed, عبد الرحمن/abdelrahman, عمر/omar, طٰه/taha"),
		family: names("الفاروق/elfarouk, ابن خلدون/ibnkhaldun, حسين/hussein, أبو النجا/aboulnaga, السيّد/elsayed"),
		office: office{"القاهرة", "١٢ شارع التحرير", "11511", "القاهرة", "", "EG", "+20 2", "مكتب القاهرة"},
	},
	{
		language: "fa-IR",
		women:    names("شیرین/shirin, پریسا/parisa, ژاله/zhaleh"), men: names("بهرام/bahram, گودرز/goodarz, کیومرث/kiumars"),
		family: names("می\u200cخواهم/mikhaham, احمدی\u200cنژاد/ahmadinejad, پهلوان/pahlavan, صفّاری/saffari"), // with a zero width non-joiner
		office: office{"دبی", "خیابان ۲۳", "", "دبی", "", "AE", "+971 4", "دفتر دبی"},
	},
	{
		language: "hi-IN",
		women:    names("प्रिया/priya, लक्ष्मी/lakshmi, ऋतु/ritu, श्रद्धा/shraddha"), men: names("अर्जुन/arjun, कृष्ण/krishna, ज्ञानेश्वर/gyaneshwar, विक्रम/vikram"),
		family: names("शर्मा/sharma, द्विवेदी/dwivedi, चट्टोपाध्याय/chattopadhyay, सिंह/singh, क़ुरैशी/qureshi"),
		office: office{"नई दिल्ली", "जनपथ १०", "110001", "नई दिल्ली", "दिल्ली", "IN", "+91 11", "दिल्ली कार्यालय"},
	},
	{
		language: "ta-IN", // an initial for the father's name
		women:    names("மீனாட்சி/meenakshi, கவிதா/kavitha"), men: names("முருகன்/murugan, ஸ்ரீராம்/sriram"),
		family: names("கி./k, சு./s, இராமசுவாமி/ramaswami"),
		office: office{"சென்னை", "அண்ணா சாலை 4", "600002", "சென்னை", "தமிழ்நாடு", "IN", "+91 44", "சென்னை அலுவலகம்"},
	},
	{
		language: "bn-BD",
		women:    names("সুমাইয়া/sumaiya, রিতু/ritu"), men: names("রবীন্দ্রনাথ/rabindranath, হাসান/hasan"),
		family: names("ঠাকুর/thakur, রহমান/rahman, চৌধুরী/chowdhury"),
		office: office{"ঢাকা", "মতিঝিল ৭", "1000", "ঢাকা", "", "BD", "+880 2", "ঢাকা অফিস"},
	},
	{
		language: "th-TH",
		women:    names("สมหญิง/somying, น้ำผึ้ง/namphueng, กุลธิดา/kulthida"), men: names("สมชาย/somchai, ธนกฤต/thanakrit, ปิติ/piti"),
		family: names("ศรีสุวรรณ/srisuwan, วงศ์สวัสดิ์/wongsawat, ณ อยุธยา/naayudhya, เจริญกรุง/charoenkrung"),
		office: office{"กรุงเทพฯ", "99 ถนนสีลม", "10500", "กรุงเทพมหานคร", "", "TH", "+66 2", "สำนักงานกรุงเทพฯ"},
	},
	{
		language: "am-ET",
		women:    names("ሰላማዊት/selamawit, ጽጌረዳ/tsigereda, አበባ/abeba"), men: names("ኃይለ/haile, ዮሐንስ/yohannes, ጌታቸው/getachew"),
		family: names("ገብረሥላሴ/gebreselassie, ተስፋዬ/tesfaye, በቀለ/bekele"),
		office: office{"አዲስ አበባ", "ቸርችል ጎዳና 5", "1000", "አዲስ አበባ", "", "ET", "+251 11", "አዲስ አበባ ቢሮ"},
	},
	{
		language: "zh-CN", familyFirst: true,
		women: names("芳/fang, 秀英/xiuying, 娜/na, 雨萱/yuxuan"), men: names("伟/wei, 志豪/zhihao, 𬳽/fei, 国强/guoqiang"), // 𬳽 is beyond the first 65,536 characters
		family: names("王/wang, 李/li, 张/zhang, 欧阳/ouyang, 司马/sima, 𠮷/ji"),
		office: office{"上海", "南京西路 1688 号", "200040", "上海", "上海市", "CN", "+86 21", "上海办事处"},
	},
	{
		language: "zh-TW", familyFirst: true,
		women: names("淑芬/shufen, 雅婷/yating, 怡君/yijun"), men: names("志明/zhiming, 家豪/jiahao, 龜年/guinian"),
		family: names("陳/chen, 歐陽/ouyang, 張簡/zhangjian, 鄭/zheng"),
		office: office{"臺北", "信義路五段 7 號", "110", "臺北市", "", "TW", "+886 2", "臺北辦公室"},
	},
	{
		language: "ja-JP", familyFirst: true, space: " ",
		women: names("さくら/sakura, 美咲/misaki, ゆうこ/yuko, エリ/eri"), men: names("翔太/shota, ケンジ/kenji, 大輔/daisuke, 一/hajime"),
		family: names("伊藤/ito, 小林/kobayashi, 渡邉/watanabe, 髙橋/takahashi, 森/mori, 東海林/shoji"),
		office: office{"東京", "神宮前４丁目５－６", "150-0001", "渋谷区", "東京都", "JP", "+81 3", "東京オフィス"},
	},
	{
		language: "ko-KR", familyFirst: true,
		women: names("서연/seoyeon, 지우/jiwoo, 수빈/subin, 하은/haeun"), men: names("민준/minjun, 도윤/doyun, 준/jun, 성호/sungho"),
		family: names("김/kim, 이/lee, 박/park, 남궁/namgoong, 선우/sunwoo, 최/choi"),
		office: office{"서울", "테헤란로 152", "06236", "서울", "", "KR", "+82 2", "서울 사무소"},
	},
	{
		language: "yo-NG",
		women:    names("Ọláìtán, Fúnmiláyọ̀, Ṣadé, Ìyábọ̀"), men: names("Olúṣẹ́gun, Adébáyọ̀, Káyọ̀dé, Ṣọlá"),
		family: names("Adéwálé, Ọbásanjọ́, Fálànà, Ṣóyínká"),
		office: office{"Lagos", "5 Ìkòyí Crescent", "101233", "Lagos", "", "NG", "+234 1", "Ọ́fíìsì Èkó"},
	},
}
