//! Python's `random.Random(seed).sample(range(below), count)`: the Mersenne twister MT19937 (Matsumoto and Nishimura
//! 1998), so that golden files need not list what was drawn.

const SIZE: usize = 624;

/// The generator of a whole seed.
pub struct Mersenne {
    state: [u32; SIZE],
    at: usize,
}

impl Mersenne {
    pub fn new(seed: u64) -> Self {
        let halves = [seed as u32, (seed >> 32) as u32];
        let key = if halves[1] == 0 { &halves[..1] } else { &halves[..] };
        Self { state: mixed(key), at: SIZE }
    }

    /// Different numbers below `below`, in the order in which they are drawn from a pool.
    pub fn sample(&mut self, below: usize, count: usize) -> Vec<usize> {
        let mut pool: Vec<usize> = (0..below).collect();
        let mut drawn = Vec::new();
        for left in (below - count + 1..=below).rev() {
            let place = self.below(left);
            drawn.push(pool[place]);
            pool[place] = pool[left - 1];
        }
        drawn
    }

    fn below(&mut self, bound: usize) -> usize {
        let bits = usize::BITS - bound.leading_zeros();
        loop {
            let number = (self.next() >> (32 - bits)) as usize;
            if number < bound {
                return number;
            }
        }
    }

    fn next(&mut self) -> u32 {
        if self.at == SIZE {
            self.turn();
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    fn turn(&mut self) {
        for i in 0..SIZE {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % SIZE] & 0x7FFF_FFFF);
            let twist = if y & 1 == 0 { 0 } else { 0x9908_B0DF };
            self.state[i] = self.state[(i + 397) % SIZE] ^ (y >> 1) ^ twist;
        }
        self.at = 0;
    }
}

/// The first state of a key: two passes of mixing over a state of one fixed seed.
fn mixed(key: &[u32]) -> [u32; SIZE] {
    let mut state = [19_650_218_u32; SIZE];
    for i in 1..SIZE {
        state[i] = step(state[i - 1], 1_812_433_253).wrapping_add(i as u32);
    }
    let mut i = 1;
    for round in 0..SIZE.max(key.len()) {
        let j = round % key.len();
        state[i] = (state[i] ^ step(state[i - 1], 1_664_525)).wrapping_add(key[j]).wrapping_add(j as u32);
        i = wrapped(i, &mut state);
    }
    for _ in 1..SIZE {
        state[i] = (state[i] ^ step(state[i - 1], 1_566_083_941)).wrapping_sub(i as u32);
        i = wrapped(i, &mut state);
    }
    state[0] = 0x8000_0000;
    state
}

fn step(before: u32, factor: u32) -> u32 {
    (before ^ (before >> 30)).wrapping_mul(factor)
}

/// The next place, and the first state after the last one.
fn wrapped(i: usize, state: &mut [u32; SIZE]) -> usize {
    if i + 1 < SIZE {
        return i + 1;
    }
    state[0] = state[SIZE - 1];
    1
}
