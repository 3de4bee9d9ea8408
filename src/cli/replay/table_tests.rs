//! Tables as they are published, and as they should not be.

use super::*;
use crate::config::Config;
use crate::geo::Datum;
use std::io::Write;

const HEADER: &str = "id,time,location,latitude,longitude,district,nature,status\n";

fn milwaukee() -> (Replay, TimeZone) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/milwaukee.toml");
    let config = Config::load(&path).unwrap();
    (config.replay.unwrap(), config.town.time_zone)
}

fn table(rows: &[u8]) -> Table {
    let (map, zone) = milwaukee();
    read(&[HEADER.as_bytes(), rows].concat(), &map, &zone).unwrap()
}

fn row(time: &str) -> String {
    format!("1,{time},A ST,43.0,-87.9,1,THEFT,x\n")
}

/// The one fault of some rows, as a person reads it.
fn fault(rows: &[u8]) -> String {
    let table = table(rows);
    assert_eq!(table.bad, 1, "{:?}", table.faults);
    table.faults[0].to_string()
}

#[test]
fn a_fault_is_told_with_line_and_column() {
    let good = row("2018-05-12 20:00:00");
    let after = |bad: &[u8]| [good.as_bytes(), b"\r\n\n", bad].concat();
    // The header is line 1, the good row 2, lines 3 and 4 are blank.
    let date = fault(&after(row("12.05.2018 20:00").as_bytes()));
    assert!(
        date.starts_with("line 5, column `time`: `12.05.2018 20:00` is no time like"),
        "{date}"
    );
    let none = fault(&after(row("2018-02-30 20:00:00").as_bytes()));
    assert!(none.starts_with("line 5, column `time`"), "{none}");
    let latitude = fault(&after(b"1,2018-05-12 20:00:00,A ST,43;0,-87.9,1,THEFT,x\n"));
    assert_eq!(
        latitude,
        "line 5, column `latitude`: `43;0` is no number of degrees"
    );
    let latin = fault(&after(
        b"1,2018-05-12 20:00:00,CAF\xc9,43.0,-87.9,1,THEFT,x\n",
    ));
    assert!(
        latin.starts_with("line 5, column `location`: is not UTF-8 at byte 4"),
        "{latin}"
    );
    let short = fault(&after(b"1,2018-05-12 20:00:00,A ST\n"));
    assert_eq!(short, "line 5: the row has 3 fields, the header 8");
    // A quoted line end counts as the line it is.
    let quoted = b"1,2018-05-12 20:00:00,\"A\nST\",43.0,-87.9,1,THEFT,x\n1,x,A,43,-87,1,T,x\n";
    assert!(fault(quoted).starts_with("line 4, column `time`"));
}

#[test]
fn a_header_that_lacks_a_column_ends_it() {
    let (map, zone) = milwaukee();
    let refused = |bytes: &[u8]| read(bytes, &map, &zone).unwrap_err().to_string();
    let renamed = refused(b"id,time,location,lat,longitude,district,nature,status\n1,2\n");
    assert!(
        renamed.starts_with("line 1, column `latitude`: the header has no such"),
        "{renamed}"
    );
    assert!(renamed.contains("location, lat, longitude"), "{renamed}");
    assert!(refused(b"").contains("empty"));
    assert!(refused(HEADER.as_bytes()).contains("no rows"));
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refused(&[b"\xff\xfe".as_slice(), &utf16].concat()).contains("not UTF-8"));
    // A byte order mark is no part of the first name.
    let marked = ["\u{feff}", HEADER, &row("2018-05-12 20:00:00")].concat();
    assert_eq!(read(marked.as_bytes(), &map, &zone).unwrap().rows.len(), 1);
}

#[test]
fn the_nights_the_clocks_change() {
    // Forward on 11 March: 02:30 never was, and the hour from 01:59 to 03:00 is a minute.
    let skipped = fault(row("2018-03-11 02:30:00").as_bytes());
    assert!(skipped.starts_with("line 2, column `time`") && skipped.contains("skipped"));
    let rows = [row("2018-03-11 01:59:00"), row("2018-03-11 03:00:00")].concat();
    let spring = table(rows.as_bytes());
    assert_eq!(
        spring.rows[1]
            .at
            .duration_since(spring.rows[0].at)
            .as_secs(),
        60
    );
    // Back on 4 November: 01:30 was twice, and the first is taken.
    let rows = [row("2018-11-04 01:30:00"), row("2018-11-04 02:00:00")].concat();
    let autumn = table(rows.as_bytes());
    assert_eq!((autumn.ambiguous, autumn.bad), (1, 0));
    assert_eq!(autumn.rows[0].at, "2018-11-04T01:30:00-05".parse().unwrap());
    assert_eq!(autumn.rows[1].at, "2018-11-04T02:00:00-06".parse().unwrap());
}

#[test]
fn inversions_are_counted_and_rows_stay_as_they_stand() {
    let times = ["20:00:00", "20:05:00", "20:04:00", "20:04:00", "20:03:59"];
    let rows: String = times
        .map(|time| row(&format!("2018-05-12 {time}")))
        .concat();
    let table = table(rows.as_bytes());
    assert_eq!(table.inversions, 2);
    assert_eq!(
        table.rows.iter().map(|row| row.line).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6]
    );
}

#[test]
fn positions_are_of_the_stated_datum_in_the_box_or_none() {
    let at = |lat: &str, lon: &str| {
        let row = format!("1,2018-05-12 20:00:00,A ST,{lat},{lon},1,THEFT,x\n");
        table(row.as_bytes()).rows[0].location
    };
    assert_eq!(at("43.0", "-87.9"), Location::At(43.0, -87.9));
    assert_eq!(
        (at("", ""), at("43.0", "")),
        (Location::Missing, Location::Missing)
    );
    for (lat, lon) in [
        ("0", "0"),
        ("33.4", "-111.9"),
        ("430", "-87.9"),
        ("42.79", "-87.9"),
    ] {
        assert_eq!(at(lat, lon), Location::Outside);
    }
    assert!(fault(b"1,2018-05-12 20:00:00,A ST,nan,-87.9,1,THEFT,x\n").contains("`nan`"));
    let (mut map, zone) = milwaukee();
    map.datum = Datum::Gcj02;
    map.bounds = crate::geo::Bounds {
        west: 113.0,
        south: 22.0,
        east: 115.0,
        north: 23.0,
    };
    let row = "1,2018-05-12 20:00:00,A ST,22.874206405,114.001006233,1,THEFT,x\n";
    let read = read([HEADER, row].concat().as_bytes(), &map, &zone).unwrap();
    let Location::At(lat, lon) = read.rows[0].location else {
        unreachable!("inside the box")
    };
    assert!((lat - 22.877).abs() < 1e-6 && (lon - 113.996).abs() < 1e-6);
}

#[test]
fn columns_by_number_with_another_delimiter_and_offsets() {
    let (mut map, zone) = milwaukee();
    let number = Column::Number;
    map.header = false;
    map.delimiter = b'\t';
    map.time_format = "%Y-%m-%dT%H:%M:%S%z".to_owned();
    map.columns = Columns {
        id: None,
        time: number(2),
        place: number(1),
        lat: number(4),
        lon: number(5),
        nature: number(3),
    };
    let rows = b"A, ST\t2018-11-04T01:30:00-0600\tTHEFT\t43.0\t-87.9\nB\tx\nC\n";
    let table = read(rows, &map, &zone).unwrap();
    let [row] = table.rows.as_slice() else {
        unreachable!("{:?}", table.rows)
    };
    assert_eq!((row.place.as_str(), row.line, &row.id), ("A, ST", 1, &None));
    assert_eq!(
        (row.at, table.ambiguous),
        ("2018-11-04T07:30:00Z".parse().unwrap(), 0)
    );
    let told: Vec<_> = table.faults.iter().map(ToString::to_string).collect();
    assert!(
        told[0].starts_with("line 2, column 2 (time): `x` is no time"),
        "{told:?}"
    );
    assert_eq!(
        told[1],
        "line 3, column 2 (time): the row has only 1 fields"
    );
}

#[test]
fn a_gzipped_table_is_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.csv.gz");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(HEADER.as_bytes()).unwrap();
    std::fs::write(&path, packed.finish().unwrap()).unwrap();
    assert_eq!(bytes(&path).unwrap(), HEADER.as_bytes());
    assert!(
        bytes(&dir.path().join("none"))
            .unwrap_err()
            .to_string()
            .contains("none")
    );
}
