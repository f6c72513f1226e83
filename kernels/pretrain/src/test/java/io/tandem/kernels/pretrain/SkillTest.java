package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SkillTest {
    private final Inflection inflection = new Inflection();

    @Test
    void arithmeticAnswersAreRight() {
        Draw draw = new Draw(1);
        for (int i = 0; i < 2_000; i++) {
            Question question = new ArithmeticSkill().ask(draw);
            String[] sum = question.item().split(" ");
            int left = Integer.parseInt(sum[0]);
            int right = Integer.parseInt(sum[2]);
            int expected = switch (sum[1]) {
                case "+" -> left + right;
                case "-" -> left - right;
                default -> left * right;
            };
            assertThat(question.answer()).as(question.prompt()).isEqualTo(Integer.toString(expected));
            assertThat(expected).isNotNegative();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cat,cats",
        "box,boxes",
        "fox,foxes",
        "baby,babies",
        "boy,boys",
        "dish,dishes",
        "bench,benches",
        "child,children",
        "mouse,mice",
        "leaf,leaves",
        "potato,potatoes",
        "photo,photos",
        "sheep,sheep",
        "stomach,stomachs",
        "glass,glasses"
    })
    void pluralsFollowTheRules(String noun, String plural) {
        assertThat(inflection.plural(noun)).isEqualTo(plural);
    }

    @ParameterizedTest
    @CsvSource({
        "bake,baked,baking",
        "carry,carried,carrying",
        "hop,hopped,hopping",
        "play,played,playing",
        "tie,tied,tying",
        "agree,agreed,agreeing"
    })
    void verbFormsFollowTheRules(String verb, String past, String progressive) {
        assertThat(Inflection.past(verb)).isEqualTo(past);
        assertThat(Inflection.progressive(verb)).isEqualTo(progressive);
    }

    @ParameterizedTest
    @CsvSource({"apple,an apple", "cat,a cat", "hour,an hour", "uniform,a uniform", "umbrella,an umbrella"})
    void articlesFollowTheSound(String word, String expected) {
        assertThat(Inflection.withArticle(word)).isEqualTo(expected);
    }

    @Test
    void spellingIsTheLettersOfTheWord() {
        assertThat(LetterSkill.spelled("cat")).isEqualTo("c a t");
    }

    @ParameterizedTest
    @CsvSource({"cat,atcay", "string,ingstray", "apple,appleway"})
    void pigLatinMovesTheLeadingConsonants(String word, String expected) {
        assertThat(TourTask.pigLatin(word)).isEqualTo(expected);
    }
}
