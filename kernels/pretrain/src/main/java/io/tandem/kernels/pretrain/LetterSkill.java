package io.tandem.kernels.pretrain;

import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Spelling, joining letters, naming single letters, taking letters away and adding them. */
final class LetterSkill implements Skill {
    static final String SPELLING = "spelling";
    static final String LETTERS = "letters";
    private static final String[] ORDINALS = {"first", "second", "third", "fourth", "fifth", "sixth"};

    private final Words words;

    LetterSkill(Words words) {
        this.words = words;
    }

    @Override
    public Question ask(Draw draw) {
        String word = draw.chance(0.7) ? draw.pick(words.spellable()) : Words.invented(draw);
        if (word.length() < 2) {
            word = "cat";
        }
        return draw.chance(0.4) ? spell(word, draw) : letters(word, draw);
    }

    static String spelled(String word) {
        return word.chars().mapToObj(Character::toString).collect(Collectors.joining(" "));
    }

    private static Question spell(String word, Draw draw) {
        String prompt = draw.pick(
                        "Spell the word %s.",
                        "How do you spell %s?", "Spell %s.", "Spell '%s'.", "Please spell %s for me.")
                .replace("%s", word);
        return new Question(SPELLING, word, prompt, spelled(word));
    }

    private static Question letters(String word, Draw draw) {
        int last = word.length() - 1;
        int nth = draw.between(0, Math.min(last, ORDINALS.length - 1));
        return switch (draw.between(0, 13)) {
            case 0 ->
                of(
                        word,
                        draw.pick("What is the first letter of %s?", "Which letter does %s begin with?"),
                        word.substring(0, 1));
            case 1 ->
                of(
                        word,
                        draw.pick("What is the last letter of %s?", "Which letter does %s end with?"),
                        word.substring(last));
            case 2 -> of(word, "What is the " + ORDINALS[nth] + " letter of %s?", word.substring(nth, nth + 1));
            case 3 -> of(word, "What is the second to last letter of %s?", word.substring(last - 1, last));
            case 4 ->
                of(word, draw.pick("How many letters does %s have?", "How many letters are in %s?"), "" + (last + 1));
            case 5, 6 -> new Question(LETTERS, word, "Which word is " + spelled(word) + "?", word);
            case 7 ->
                of(
                        word,
                        draw.pick("Say %s without its first letter.", "Take the first letter away from %s."),
                        word.substring(1));
            case 8 ->
                of(
                        word,
                        draw.pick("Say %s without its last letter.", "Take the last letter away from %s."),
                        word.substring(0, last));
            case 9 -> added(word, draw);
            case 10 -> of(word, "What are the first two letters of %s?", word.substring(0, 2));
            case 11 -> of(word, "What are the last two letters of %s?", word.substring(last - 1));
            case 12 ->
                new Question(
                        LETTERS,
                        word,
                        "Spell " + word + " with dashes.",
                        spelled(word).replace(' ', '-'));
            default -> of(word, "What are the vowels in %s?", vowels(word));
        };
    }

    private static Question added(String word, Draw draw) {
        String letters = draw.pick("s e y d t n m o er ed ly ar ing".split(" "));
        boolean end = draw.chance(0.7);
        String prompt = end
                ? draw.pick("Add '%l' to the end of %s.", "Put '%l' after %s.")
                : draw.pick("Add '%l' to the start of %s.", "Put '%l' before %s.");
        return of(word, prompt.replace("%l", letters), end ? word + letters : letters + word);
    }

    private static Question of(String word, String prompt, String answer) {
        return new Question(LETTERS, word, prompt.replace("%s", word), answer);
    }

    private static String vowels(String word) {
        String vowels = IntStream.range(0, word.length())
                .filter(i -> "aeiou".indexOf(word.charAt(i)) >= 0)
                .mapToObj(i -> word.substring(i, i + 1))
                .distinct()
                .collect(Collectors.joining(" "));
        return vowels.isEmpty() ? "none" : vowels;
    }
}
