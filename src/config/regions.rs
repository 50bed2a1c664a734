//! `[regions]`: a table of the provinces and cities that telephone numbers belong to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use strowger_core::route::canonical;

use super::table::Table;

/// Bytes of a table.
const MOST_BYTES: u64 = 32 << 20;
/// Rows of a table.
const MOST_ROWS: usize = 500_000;
/// Digits of a prefix, and bytes of a name.
const LONGEST: (usize, usize) = (15, 64);
/// Mistakes that are told of one table.
const MOST_TOLD: usize = 20;
/// What a line should be.
const RIGHT: &str =
    "write a prefix of digits, a province and a city, such as \"0571,Zhejiang,Hangzhou\"";

/// A province and a city.
pub type Region = (Arc<str>, Arc<str>);

/// Which province and city a number belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Regions {
    by_prefix: BTreeMap<Box<str>, Region>,
}

/// `regions.file`; nothing where there is none.
pub(super) fn regions(root: &Table<'_>) -> Arc<Regions> {
    let table = root.section("regions");
    let file = table.text("file", "a path such as \"/etc/strowger/regions.csv\"");
    let read = file.map(|file| match Regions::load(Path::new(file.value)) {
        Ok(regions) => regions,
        Err(wrong) => {
            for text in wrong {
                table.wrong(file.line, "file", &format!("{}{text}", file.value));
            }
            Regions::default()
        }
    });
    table.finish();
    Arc::new(read.unwrap_or_default())
}

impl Regions {
    /// Reads a table; or what is wrong with it, each with its line as it follows the file's name.
    fn load(path: &Path) -> Result<Self, Vec<String>> {
        let whole = |text: String| vec![format!(": {text}")];
        let length = std::fs::metadata(path).map(|about| about.len());
        let length = length.map_err(|error| whole(format!("cannot be read: {error}")))?;
        if length > MOST_BYTES {
            return Err(whole(format!("{length} bytes are too many; at most {MOST_BYTES}")));
        }
        let text = std::fs::read_to_string(path);
        Self::parse(&text.map_err(|error| whole(format!("cannot be read: {error}")))?)
    }

    fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut by_prefix: BTreeMap<Box<str>, (usize, Region)> = BTreeMap::new();
        let mut names: BTreeMap<&str, Arc<str>> = BTreeMap::new();
        let mut wrong = Vec::new();
        let lines = text.trim_start_matches('\u{feff}').lines();
        for (line, row) in (1..).zip(lines) {
            let row = row.trim();
            let heads = line == 1 && row.starts_with(|c: char| c.is_ascii_alphabetic());
            if row.is_empty() || row.starts_with('#') || heads {
                continue;
            }
            let mut name = |name| Arc::clone(names.entry(name).or_insert_with(|| name.into()));
            let added = read_row(row).and_then(|(prefix, province, city)| {
                let region = (name(province), name(city));
                match by_prefix.insert(prefix.into(), (line, region)) {
                    Some((before, _)) => Err(format!("{prefix} stands on line {before} already")),
                    None if by_prefix.len() > MOST_ROWS => {
                        Err(format!("there are more than {MOST_ROWS} rows"))
                    }
                    None => Ok(()),
                }
            });
            if let Err(text) = added {
                wrong.push(format!(":{line}: {text}"));
                if wrong.len() >= MOST_TOLD || by_prefix.len() > MOST_ROWS {
                    break;
                }
            }
        }
        let rows = by_prefix.into_iter().map(|(prefix, (_, region))| (prefix, region));
        if wrong.is_empty() { Ok(Self { by_prefix: rows.collect() }) } else { Err(wrong) }
    }

    /// Where a number belongs, however it is written: by the longest prefix that it begins with in any of the ways in which a
    /// tenant of this country code may write it.
    pub fn of(&self, number: &str, country: Option<&str>) -> Option<Region> {
        if self.by_prefix.is_empty() {
            return None;
        }
        let abroad = canonical(number, country);
        let home = country.and_then(|code| abroad.strip_prefix(code));
        let national = home.map(|rest| format!("0{rest}"));
        let ways = [Some(number), Some(abroad.as_str()), home, national.as_deref()];
        let found = ways.into_iter().flatten().filter_map(|way| self.longest(way));
        found.max_by_key(|(length, _)| *length).map(|(_, region)| region.clone())
    }

    /// The longest prefix of a number, with its length.
    fn longest(&self, number: &str) -> Option<(usize, &Region)> {
        let number = number.trim_start_matches('+');
        let longest = number.len().min(LONGEST.0);
        (1..=longest)
            .rev()
            .find_map(|length| Some((length, self.by_prefix.get(number.get(..length)?)?)))
    }
}

/// A prefix, a province and a city.
fn read_row(row: &str) -> Result<(&str, &str, &str), String> {
    let mut fields = row.split(',').map(str::trim);
    let (Some(prefix), Some(province), Some(city), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(format!("three fields are wanted; {RIGHT}"));
    };
    let prefix = prefix.trim_start_matches('+');
    let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || prefix.len() > LONGEST.0 {
        return Err(format!("\"{prefix}\" is no prefix of up to {} digits; {RIGHT}", LONGEST.0));
    }
    let unsound =
        |name: &&str| name.len() > LONGEST.1 || name.contains(|c: char| c.is_control() || c == '"');
    if let Some(name) = [province, city].iter().find(|name| unsound(name)) {
        let text =
            format!("{name:?} is no name of up to {} bytes without quotes; {RIGHT}", LONGEST.1);
        return Err(text);
    }
    Ok((prefix, province, city))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(regions: &Regions, number: &str, country: Option<&str>) -> String {
        let found = regions.of(number, country);
        found.map(|(province, city)| format!("{province}/{city}")).unwrap_or_default()
    }

    #[test]
    fn the_longest_prefix_counts_however_the_number_is_written() {
        let text = "\u{feff}prefix,province,city\r\n\r\n# areas\r\n0571,Zhejiang,Hangzhou\r\n\
                    010,Beijing,Beijing\r\n1381234 , Jiangsu , Nanjing\r\n138,Somewhere,\r\n+1415,California,SF\r\n";
        let regions = Regions::parse(text).unwrap();
        let china = Some("86");
        for (number, country, region) in [
            ("057187654321", china, "Zhejiang/Hangzhou"),
            ("+8657187654321", china, "Zhejiang/Hangzhou"),
            ("008657187654321", china, "Zhejiang/Hangzhou"),
            ("057187654321", None, "Zhejiang/Hangzhou"),
            ("+861087654321", china, "Beijing/Beijing"),
            ("+8613812345678", china, "Jiangsu/Nanjing"),
            ("13899999999", china, "Somewhere/"),
            ("+14155550123", china, "California/SF"),
            ("+14155550123", Some("1"), "California/SF"),
            ("anonymous", china, ""),
            ("", china, ""),
            ("0", china, ""),
            ("+", None, ""),
            ("05", china, ""),
        ] {
            assert_eq!(found(&regions, number, country), region, "{number} {country:?}");
        }
        assert_eq!(Regions::default().of("0571", None), None);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, told) in [
            ("0571,a", ":1: three fields"),
            ("0571,a,b\n0571,c,d", ":2: 0571 stands on line 1 already"),
            ("0571,a,b,c", ":1: three fields"),
            ("prefix,a,b\n05x1,a,b", ":2: \"05x1\" is no prefix"),
            ("# t\nprefix,a,b", ":2: \"prefix\" is no prefix"),
            ("1234567890123456,a,b", ":1: \"1234567890123456\" is no prefix"),
            (",a,b", ":1: \"\" is no prefix"),
            ("1,\"a\",b", ":1: "),
        ] {
            let wrong = Regions::parse(text).unwrap_err();
            assert!(wrong[0].starts_with(told), "{text:?}: {wrong:?}");
        }
        let many = "x,y,z\n".repeat(100);
        assert_eq!(Regions::parse(&format!("#\n{many}")).unwrap_err().len(), MOST_TOLD);
        let rows: String = (0..=MOST_ROWS).map(|n| format!("{n},a,b\n")).collect();
        let wrong = Regions::parse(&rows).unwrap_err();
        assert_eq!(wrong, [format!(":{}: there are more than {MOST_ROWS} rows", MOST_ROWS + 1)]);
    }

    #[test]
    fn a_file_is_named_in_the_configuration_with_what_is_wrong_there() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("regions.csv");
        let config = |file: &Path| {
            let text = format!("sip.domain = \"x\"\n[regions]\nfile = \"{}\"\n", file.display());
            crate::config::parse(&text, "f")
        };
        std::fs::write(&file, "0571,Zhejiang,Hangzhou\n").unwrap();
        let loaded = config(&file).unwrap();
        assert_eq!(found(&loaded.shell.regions, "0571", None), "Zhejiang/Hangzhou");
        std::fs::write(&file, "0571,Zhejiang,Hangzhou\n\n0572\n").unwrap();
        let wrong = config(&file).unwrap_err().to_string();
        let told = format!("f:3: [regions] file: {}:3: three fields are wanted", file.display());
        assert!(wrong.starts_with(&told), "{wrong}");
        let wrong = config(&place.path().join("none")).unwrap_err().to_string();
        assert!(wrong.contains("none: cannot be read"), "{wrong}");
        std::fs::File::create(&file).unwrap().set_len(MOST_BYTES + 1).unwrap();
        let wrong = config(&file).unwrap_err().to_string();
        assert!(wrong.contains("are too many"), "{wrong}");
    }
}
