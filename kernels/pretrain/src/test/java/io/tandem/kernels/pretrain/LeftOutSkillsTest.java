package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LeftOutSkillsTest {
    private final Map<String, Skill> skills = LeftOutSkills.of(Words.load());
    private final Skill sums = Objects.requireNonNull(skills.get("sums"));

    @ParameterizedTest
    @CsvSource({"stars,Hide the vowels of (\\w+)\\.,[^aeiou]+", "doubling,Double each letter of (\\w+)\\.,((\\w)\\2)+"})
    void questionsAndAnswersHaveTheirForm(String skill, String prompt, String answer) {
        Draw draw = new Draw(1);
        for (int i = 0; i < 500; i++) {
            Question question = skills.getOrDefault(skill, d -> new Question("", "", "", ""))
                    .ask(draw);
            assertThat(question.prompt()).matches(prompt);
            assertThat(question.answer()).matches(answer);
            assertThat(question.skill()).isEqualTo(skill);
        }
    }

    @Test
    void sumsAreRightAndNeverBelowZero() {
        Draw draw = new Draw(2);
        for (int i = 0; i < 500; i++) {
            Question question = sums.ask(draw);
            String[] words = question.item().split(" ");
            int sum = Integer.parseInt(words[0]);
            for (int at = 1; at < words.length; at += 2) {
                sum += (words[at].equals("plus") ? 1 : -1) * Integer.parseInt(words[at + 1]);
                assertThat(sum).isNotNegative();
            }
            assertThat(words).hasSize(5);
            assertThat(question.prompt()).contains(question.item());
            assertThat(question.answer()).isEqualTo(Integer.toString(sum));
        }
    }
}
