package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LeftOutSkillsTest {
    private final Map<String, Skill> skills = LeftOutSkills.of(Words.load());

    @ParameterizedTest
    @CsvSource({
        "stars,Hide the vowels of (\\w+)\\.,[^aeiou]+",
        "doubling,Double each letter of (\\w+)\\.,((\\w)\\2)+",
        "counting,Count from (\\d+) to \\d+\\.,\\d+( \\d+){3;7}"
    })
    void questionsAndAnswersHaveTheirForm(String skill, String prompt, String answer) {
        Draw draw = new Draw(1);
        for (int i = 0; i < 500; i++) {
            Question question = skills.getOrDefault(skill, d -> new Question("", "", "", ""))
                    .ask(draw);
            assertThat(question.prompt()).matches(prompt);
            assertThat(question.answer()).matches(answer.replace(';', ','));
            assertThat(question.skill()).isEqualTo(skill);
        }
    }
}
