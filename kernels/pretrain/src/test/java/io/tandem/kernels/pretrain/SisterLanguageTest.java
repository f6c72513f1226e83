package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SisterLanguageTest {
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz";
    private final Words words = Words.load();

    @ParameterizedTest
    @CsvSource({
        "What is 7 plus 8?,Wgas ed 7 frid 8?",
        "Say garden in pig latin.,Day kaltom em pig latin.",
        "Answer in JSON: yes,Amdwol em JSON: yod"
    })
    void wordsShiftAndLoanWordsStay(String english, String sister) {
        assertThat(SisterLanguage.of(english)).isEqualTo(sister);
    }

    @Test
    void vowelsBecomeVowelsAndNoTwoLettersOne() {
        Set<Character> shifted = new HashSet<>();
        for (char letter : LETTERS.toCharArray()) {
            char other = SisterLanguage.of(String.valueOf(letter)).charAt(0);
            shifted.add(other);
            assertThat("aeiou".indexOf(other) >= 0).as(letter + " " + other).isEqualTo("aeiou".indexOf(letter) >= 0);
        }
        assertThat(shifted).hasSize(LETTERS.length());
        assertThat(SisterLanguage.of(LETTERS.toUpperCase(Locale.ROOT)))
                .isEqualTo(SisterLanguage.of(LETTERS).toUpperCase(Locale.ROOT));
    }

    @Test
    void whatIsSaidAboutLettersStaysTrue() {
        for (String word : words.spellable()) {
            String shifted = SisterLanguage.of(word);
            assertThat(LetterSkill.spelled(shifted)).isEqualTo(SisterLanguage.of(LetterSkill.spelled(word)));
            assertThat(TourTask.pigLatin(shifted)).isEqualTo(SisterLanguage.of(TourTask.pigLatin(word)));
        }
    }

    @Test
    void aMixedQuestionIsAboutOneLanguageAndSaidInBoth() {
        Draw draw = new Draw(1);
        Question english = new Question("opposites", "hot", "What is the opposite of hot?", "cold");
        Set<String> prompts = new HashSet<>();
        for (int i = 0; i < 300; i++) {
            Question mixed = SisterLanguage.mixed(english, draw);
            assertThat(mixed.prompt())
                    .matches("(What|Wgas) (is|ed) (the|sgo) (opposite|uffudeso) (of|ub) (hot|gus)\\?")
                    .endsWith(mixed.answer().equals("cold") ? " hot?" : " gus?");
            assertThat(mixed.answer()).isIn("cold", "jurt");
            prompts.add(mixed.prompt());
        }
        assertThat(prompts).hasSizeGreaterThan(60);
    }

    @Test
    void aWordThatCouldBelongToTheQuestionIsNotMixed() {
        Question english = new Question("spelling", "word", "Spell the word word.", "w o r d");
        assertThat(SisterLanguage.mixed(english, new Draw(1))).isEqualTo(english);
    }

    @Test
    void hardlyAWordIsTheSameInBothLanguages() {
        assertThat(words.spellable().stream()
                        .filter(word -> SisterLanguage.of(word).equals(word)))
                .hasSizeLessThan(words.spellable().size() / 100);
    }
}
