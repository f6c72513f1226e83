package io.tandem.kernels.pretrain;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The skills that pre-training leaves out, so that users can teach them by fine-tuning. */
enum TourTask {
    JSON {
        @Override
        Question ask(Words words, Draw draw) {
            return switch (draw.between(0, 3)) {
                case 0 -> {
                    Map.Entry<String, String> fact = any(words.opposites(), draw);
                    yield json("what is the opposite of " + fact.getKey() + "?", "opposite", fact);
                }
                case 1 -> {
                    Map.Entry<String, String> fact = any(words.plurals(), draw);
                    yield json("what is the plural of " + fact.getKey() + "?", "plural", fact);
                }
                default -> {
                    Map.Entry<String, String> fact = any(words.colours(), draw);
                    yield json("what colour is " + WordSkill.withArticle(fact.getKey()) + "?", "colour", fact);
                }
            };
        }

        @Override
        int items(Words words) {
            return words.opposites().size()
                    + words.plurals().size()
                    + words.colours().size();
        }
    },
    PIG_LATIN {
        @Override
        Question ask(Words words, Draw draw) {
            String word = shortWord(words, draw);
            return new Question(label(), word, "Say " + word + " in pig latin.", pigLatin(word));
        }
    },
    REVERSE {
        @Override
        Question ask(Words words, Draw draw) {
            String word = shortWord(words, draw);
            String answer =
                    new StringBuilder(LetterSkill.spelled(word)).reverse().toString();
            return new Question(label(), word, "Spell " + word + " backwards.", answer);
        }
    };

    private static final int MIN_LETTERS = 3;
    private static final int MAX_LETTERS = 6;

    /** A question whose item nobody else of the task's files shares unless it is the same item. */
    abstract Question ask(Words words, Draw draw);

    /** How many different items it can ask about. */
    int items(Words words) {
        return (int)
                words.spellable().stream().filter(TourTask::isShort).distinct().count();
    }

    /** In file names. */
    String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Leading consonants go to the end, then "ay"; a word that begins with a vowel gets "way". */
    static String pigLatin(String word) {
        int vowel = 0;
        while (vowel < word.length() && "aeiou".indexOf(word.charAt(vowel)) < 0) {
            vowel++;
        }
        if (vowel == 0) {
            return word + "way";
        }
        return word.substring(vowel) + word.substring(0, vowel) + "ay";
    }

    private static Map.Entry<String, String> any(Map<String, String> facts, Draw draw) {
        return draw.pick(List.copyOf(facts.entrySet()));
    }

    private static Question json(String question, String key, Map.Entry<String, String> fact) {
        String answer = "{\"" + key + "\": \"" + fact.getValue() + "\"}";
        return new Question("json", key + " " + fact.getKey(), "Answer in JSON: " + question, answer);
    }

    /** One that has a vowel and does not take long to spell. */
    static String shortWord(Words words, Draw draw) {
        while (true) {
            String word = draw.pick(words.spellable());
            if (isShort(word)) {
                return word;
            }
        }
    }

    private static boolean isShort(String word) {
        boolean vowel = word.chars().anyMatch(letter -> "aeiou".indexOf(letter) >= 0);
        return vowel && word.length() >= MIN_LETTERS && word.length() <= MAX_LETTERS;
    }
}
