//! Which submissions of a class one machine grades, when several share the work.

use std::str::FromStr;

/// One of several equal parts of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
}

/// What was asked for on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// This one.
    One(Shard),
    /// The one that the surrounding job names; the number of parts, where the job does not tell it.
    Auto(Option<usize>),
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no shard; write 2/4 (the second of four), auto, or auto/4");
        let count = |text: &str| text.parse::<usize>().ok().filter(|count| *count > 0).ok_or_else(wrong);
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Auto(None)),
            Some(("auto", of)) => Ok(Self::Auto(Some(count(of)?))),
            Some((number, of)) => {
                let shard = Shard { number: count(number)?, of: count(of)? };
                if shard.number <= shard.of { Ok(Self::One(shard)) } else { Err(wrong()) }
            }
            None => Err(wrong()),
        }
    }
}

impl Asked {
    /// The shard, read off the variables that Slurm sets for the tasks of an array and Kubernetes for the pods of an indexed
    /// Job. Kubernetes does not tell how many there are.
    ///
    /// # Errors
    /// When neither is around, or they contradict what was asked for.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Shard> {
        let number = |name: &str| variable(name).and_then(|value| value.trim().parse::<usize>().ok());
        let (index, told) = match self {
            Self::One(shard) => return Ok(shard),
            Self::Auto(_) if number("SLURM_ARRAY_TASK_ID").is_some() => {
                let first = number("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
                (number("SLURM_ARRAY_TASK_ID").unwrap_or(first) - first, number("SLURM_ARRAY_TASK_COUNT"))
            }
            Self::Auto(_) => match number("JOB_COMPLETION_INDEX") {
                Some(index) => (index, None),
                None => anyhow::bail!(
                    "--shard auto found neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX; write --shard 2/4 for the \
                     second of four"
                ),
            },
        };
        let Self::Auto(asked) = self else { anyhow::bail!("no shard") };
        let of = asked.or(told).ok_or_else(|| {
            anyhow::anyhow!("a Kubernetes Job does not tell its completions; write --shard auto/4 where there are four")
        })?;
        anyhow::ensure!(index < of, "this is task {} of {of}; give the array as many tasks as shards", index + 1);
        Ok(Shard { number: index + 1, of })
    }
}

impl Shard {
    /// Its part of the whole: every `of`-th, so that neighbours that are alike are spread.
    #[must_use]
    pub fn part<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter()
            .enumerate()
            .filter(|(index, _)| index % self.of == self.number - 1)
            .map(|(_, one)| one)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(asked: &str, variables: &[(&str, &str)]) -> Result<Shard, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        asked.parse::<Asked>().unwrap().resolve(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn every_submission_is_in_exactly_one_shard() {
        let mut all: Vec<usize> = (1..=4).flat_map(|number| Shard { number, of: 4 }.part((0..10).collect())).collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn an_array_of_slurm_and_an_indexed_job_tell_which_shard_this_is() {
        let slurm = |id| [("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        assert_eq!(auto("auto", &slurm("1")), Ok(Shard { number: 1, of: 4 }));
        assert_eq!(auto("auto", &slurm("4")), Ok(Shard { number: 4, of: 4 }));
        assert_eq!(auto("auto/3", &[("JOB_COMPLETION_INDEX", "2")]), Ok(Shard { number: 3, of: 3 }));
        assert!(auto("auto", &[("JOB_COMPLETION_INDEX", "2")]).unwrap_err().contains("auto/4"));
        assert!(auto("auto/2", &[("JOB_COMPLETION_INDEX", "2")]).is_err());
        assert!(auto("auto", &[]).unwrap_err().contains("--shard 2/4"));
        assert_eq!(auto("2/4", &[]), Ok(Shard { number: 2, of: 4 }));
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["", "5/4", "0/4", "1/0", "a/b", "3", "auto/0"] {
            assert!(text.parse::<Asked>().is_err(), "{text}");
        }
    }
}
