//! The least value of a function of four numbers, by Nelder and Mead's simplex.

/// Steps at most.
const STEPS: usize = 400;
/// The search ends where the values at all corners differ by less than this share.
const NEAR: f64 = 1e-12;
/// How far the other corners are from the first.
const EDGE: f64 = 1.0;

type Point = [f64; 4];

/// The point of the least value that was found from a beginning, and the value.
pub(super) fn least(beginning: Point, value: impl Fn(&Point) -> f64) -> (Point, f64) {
    let at = |point: Point| (point, value(&point));
    let mut corners = vec![at(beginning)];
    corners.extend((0..beginning.len()).map(|axis| {
        let place = |(i, number): (usize, f64)| if i == axis { number + EDGE } else { number };
        at(collect(beginning.into_iter().enumerate().map(place)))
    }));
    for _ in 0..STEPS {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (Some(best), Some(worst)) = (corners.first().copied(), corners.pop()) else { break };
        if (worst.1 - best.1).abs() <= NEAR * best.1.abs() {
            corners.push(worst);
            break;
        }
        let center = middle(&corners);
        let dearest_kept = corners.last().map_or(worst.1, |corner| corner.1);
        let reflected = at(between(&center, &worst.0, -1.0));
        let next = if reflected.1 < best.1 {
            lesser(at(between(&center, &worst.0, -2.0)), reflected)
        } else if reflected.1 < dearest_kept {
            reflected
        } else {
            lesser(at(between(&center, &worst.0, 0.5)), at(between(&center, &worst.0, -0.5)))
        };
        corners.push(next);
        if next.1 >= worst.1 {
            corners.pop();
            corners.push(worst);
            corners = corners.iter().map(|corner| at(between(&best.0, &corner.0, 0.5))).collect();
        }
    }
    let first = (beginning, f64::INFINITY);
    corners.into_iter().fold(first, lesser)
}

fn lesser(a: (Point, f64), b: (Point, f64)) -> (Point, f64) {
    if a.1 < b.1 { a } else { b }
}

fn middle(corners: &[(Point, f64)]) -> Point {
    let sum =
        corners.iter().fold([0.0; 4], |sum, (point, _)| collect(sum.iter().zip(point).map(|(a, b)| a + b)));
    sum.map(|number| number / corners.len() as f64)
}

/// From one point towards another, by a share of the way.
fn between(from: &Point, to: &Point, share: f64) -> Point {
    collect(from.iter().zip(to).map(|(from, to)| from + share * (to - from)))
}

fn collect(numbers: impl Iterator<Item = f64>) -> Point {
    let mut point = [0.0; 4];
    point.iter_mut().zip(numbers).for_each(|(place, number)| *place = number);
    point
}
