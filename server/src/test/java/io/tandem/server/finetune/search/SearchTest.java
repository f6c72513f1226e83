package io.tandem.server.finetune.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.search.GaussianProcess.Belief;
import io.tandem.server.finetune.search.Halving.Task;
import io.tandem.server.finetune.search.SearchSpace.Method;
import io.tandem.server.finetune.search.Trial.Evaluation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Against cases computed by hand. */
class SearchTest {
    private static final SearchSpace SPACE = new SearchSpace(
            List.of(new Method("lora", true, true, true, List.of()), new Method("ia3", false, true, true, List.of())),
            List.of(1, 4, 16),
            List.of(
                    TextNode.valueOf("all-linear"),
                    JsonBody.MAPPER.createArrayNode().add("q_proj").add("v_proj")),
            List.of(),
            List.of(0.001, 0.01, 0.1));

    /** @param losses of its rungs; one that is not a number is a failure */
    private static Trial trial(int number, long parameters, double... losses) {
        List<Evaluation> evaluations = Arrays.stream(losses)
                .mapToObj(loss -> new Evaluation(
                        1, 10, Double.isNaN(loss) ? OptionalDouble.empty() : OptionalDouble.of(loss), 100))
                .toList();
        Configuration configuration = new Configuration(
                JsonBody.MAPPER.createObjectNode().put("peft", "lora").put("rank", number));
        return new Trial(number, configuration, parameters, evaluations);
    }

    /** (1, 5), (2, 3) and (4, 1) are the front; (2, 4) is behind (2, 3), and (5, 5) behind both. Equals do not dominate. */
    @Test
    void frontsAreTakenAwayOneAfterTheOther() {
        List<ParetoFront.Point> points = List.of(
                new ParetoFront.Point(2, 4),
                new ParetoFront.Point(1, 5),
                new ParetoFront.Point(5, 5),
                new ParetoFront.Point(4, 1),
                new ParetoFront.Point(2, 3),
                new ParetoFront.Point(2, 3));
        assertThat(ParetoFront.layers(points)).containsExactly(1, 0, 2, 0, 0, 0);
    }

    @Test
    void rungsHaveHalfOfTheTrialsAndTwiceTheEpochs() {
        Halving sixteen = new Halving(16, 8);
        assertThat(sixteen.rungs()).isEqualTo(4);
        assertThat(List.of(sixteen.epochs(0), sixteen.epochs(1), sixteen.epochs(2), sixteen.epochs(3)))
                .containsExactly(1, 2, 4, 8);
        assertThat(List.of(sixteen.places(0), sixteen.places(1), sixteen.places(2), sixteen.places(3)))
                .containsExactly(16, 8, 4, 2);
        assertThat(new Halving(4, 50).rungs()).isEqualTo(3);
        assertThat(new Halving(4, 50).epochs(0)).isEqualTo(12);
        assertThat(new Halving(64, 1).rungs()).isEqualTo(1);
    }

    /** Trial 3 is dominated, trial 4 failed; of the front, the loss counts: 2 (loss 1), then 1 (loss 2). */
    @Test
    void theBetterHalfGoesOn() {
        Halving halving = new Halving(4, 4);
        List<Trial> tried = new ArrayList<>();
        for (int number = 1; number <= 4; number++) {
            assertThat(halving.next(tried)).contains(new Task(number, 0, 1));
            tried.add(
                    switch (number) {
                        case 1 -> trial(1, 10, 2);
                        case 2 -> trial(2, 30, 1);
                        case 3 -> trial(3, 40, 1.5);
                        default -> trial(4, 5, Double.NaN);
                    });
        }
        assertThat(halving.next(tried)).contains(new Task(2, 1, 2));
        assertThat(halving.goesOn(tried.get(0), new Task(2, 1, 2), tried)).isTrue();
        assertThat(halving.goesOn(tried.get(2), new Task(2, 1, 2), tried)).isFalse();
        tried.set(1, trial(2, 30, 1, 0.9));
        assertThat(halving.next(tried)).contains(new Task(1, 1, 2));
        tried.set(0, trial(1, 10, 2, 0.5));
        assertThat(halving.next(tried)).contains(new Task(1, 2, 4));
        tried.set(0, trial(1, 10, 2, 0.5, 0.7));
        assertThat(halving.next(tried)).isEmpty();
        assertThat(SearchTable.best(tried)).contains(tried.get(0));
        assertThat(SearchTable.front(tried)).containsExactly(1);
        assertThat(SearchTable.csv(tried).lines())
                .contains("1,lora,1,,,,,10,1,10,0.5,true,true", "4,lora,4,,,,,5,,,,false,false");
    }

    /** A search whose trials all fail is over after the first rung. */
    @Test
    void failuresDoNotGoOn() {
        List<Trial> failed = List.of(trial(1, 1, Double.NaN), trial(2, 1, Double.NaN));
        assertThat(new Halving(2, 8).next(failed)).isEmpty();
        assertThat(SearchTable.best(failed)).isEmpty();
        assertThat(FrontFigure.svg(failed))
                .startsWith("<svg")
                .doesNotContain("<circle")
                .doesNotContain("NaN");
    }

    /** The upper one in the middle of 1, 2, 3 and 1000 is 3, so the axis goes from 1 to 1 + 3 * 2 = 7, which is 340 high. */
    @Test
    void aLossThatIsFarAboveAllOthersIsAtTheEdge() {
        String svg = FrontFigure.svg(List.of(trial(1, 10, 1), trial(2, 10, 2), trial(3, 1, 3), trial(4, 10, 1000)));
        assertThat(svg.lines()
                        .filter(line -> line.startsWith("<circle"))
                        .map(line ->
                                line.replaceAll(" r=.*? fill=|><title>.*", " ").strip()))
                .containsExactly(
                        "<circle cx=\"690.0\" cy=\"380.0\" \"#d62728\"",
                        "<circle cx=\"690.0\" cy=\"323.3\" \"#9aa5b1\"",
                        "<circle cx=\"80.0\" cy=\"266.7\" \"#d62728\"",
                        "<circle cx=\"690.0\" cy=\"40.0\" \"#9aa5b1\"");
        assertThat(svg).contains("points=\"80.0,266.7 690.0,380.0\"");
    }

    /** LoRA has three ranks and two targets, (IA)^3 two targets; each has three rates. */
    @Test
    void theSpaceHasWhatItsMethodsHave() {
        assertThat(SPACE.size()).isEqualTo(24);
        assertThat(SPACE.all()).hasSize(24).doesNotHaveDuplicates();
        Configuration configuration = new Configuration(JsonBody.MAPPER
                .createObjectNode()
                .put("peft", "lora")
                .put("rank", 4)
                .put("target_modules", "all-linear")
                .put("learning_rate", 0.1));
        assertThat(SPACE.point(configuration)).containsExactly(new double[] {1, 0, 1, 0, 0.5, 1}, within(1e-12));
        assertThat(configuration).hasToString("peft=lora, rank=4, target_modules=all-linear, learning_rate=0.1");
    }

    /** With one point of value v, noise s and distance 0 the mean is v / (1 + s) beside the values' mean, which is v. */
    @Test
    void beliefsFollowTheKernel() {
        // Values 1 and 3 are -1 and 1 when standardized. So far apart the kernel is 0, hence the weights are -1/1.5 and
        // 1/1.5.
        GaussianProcess apart = new GaussianProcess(new double[][] {{0}, {1000}}, new double[] {1, 3}, 1, 0.5);
        assertThat(apart.at(new double[] {0}).mean()).isCloseTo(2 - 1 / 1.5, within(1e-9));
        assertThat(apart.at(new double[] {0}).deviation()).isCloseTo(Math.sqrt(1 - 1 / 1.5), within(1e-9));
        assertThat(apart.at(new double[] {-1000}).mean()).isCloseTo(2, within(1e-9));
        assertThat(apart.at(new double[] {-1000}).deviation()).isCloseTo(1, within(1e-9));
        // At a distance of 1 / sqrt(5) the kernel is (1 + 1 + 1/3) / e.
        double near = (2 + 1.0 / 3) / Math.E;
        assertThat(apart.at(new double[] {1 / Math.sqrt(5)}).mean()).isCloseTo(2 - near / 1.5, within(1e-9));
    }

    /** For a mean that equals the best, the improvement is the deviation times the density at 0. */
    @Test
    void improvementIsExpectedWhereTheBeliefIsWide() {
        assertThat(Proposals.expectedImprovement(new Belief(3, 2), 3))
                .isCloseTo(2 / Math.sqrt(2 * Math.PI), within(1e-6));
        assertThat(Proposals.expectedImprovement(new Belief(3, 0), 5)).isEqualTo(2);
        // One deviation better: 1 * 0.841345 + 0.241971.
        assertThat(Proposals.expectedImprovement(new Belief(0, 1), 1)).isCloseTo(1.083315, within(1e-6));
        assertThat(Proposals.expectedImprovement(new Belief(1, 1), 0)).isCloseTo(0.083315, within(1e-6));
    }

    /** Losses 1, 3, failed and sizes 10, 100, 1000 become 0, 1, 1 and 0, 1/2, 1. */
    @Test
    void objectivesBecomeOne() {
        List<Trial> tried = List.of(trial(1, 10, 1), trial(2, 100, 3), trial(3, 1000, Double.NaN));
        assertThat(Proposals.scalarized(tried, 0.25))
                .containsExactly(new double[] {0, 0.375 + 0.05 * 0.625, 0.75 + 0.05}, within(1e-12));
    }

    /** The loss is the distance of the learning rate from 0.01, so a process finds it sooner than chance, which needs 12. */
    @Test
    void proposalsAreNewRepeatThemselvesByTheSeedAndFindTheMinimum() {
        List<Double> rates = new ArrayList<>();
        for (int i = 0; i <= 400; i++) {
            rates.add(Math.pow(10, -4 + i / 100.0));
        }
        SearchSpace space = new SearchSpace(
                List.of(new Method("ia3", false, false, false, List.of())), List.of(), List.of(), List.of(), rates);
        for (int seed = 0; seed < 5; seed++) {
            List<Trial> tried = new ArrayList<>();
            Proposals proposals = new Proposals(space, 12, seed);
            for (int number = 1; number <= 12; number++) {
                Configuration next = proposals.next(tried);
                assertThat(proposals.next(tried)).isEqualTo(next);
                double loss =
                        Math.abs(Math.log10(next.values().path("learning_rate").asDouble()) + 2);
                tried.add(new Trial(number, next, 7, List.of(new Evaluation(1, 1, OptionalDouble.of(loss), 1))));
            }
            assertThat(tried).extracting(Trial::configuration).doesNotHaveDuplicates();
            assertThat(SearchTable.best(tried).orElseThrow().smallestLoss().orElseThrow())
                    .as("seed %d", seed)
                    .isLessThan(0.05);
        }
    }

    @Test
    void allOfASmallSpaceAreProposed() {
        List<Trial> tried = new ArrayList<>();
        Proposals proposals = new Proposals(SPACE, 24, 1);
        for (int number = 1; number <= 24; number++) {
            tried.add(new Trial(
                    number,
                    proposals.next(tried),
                    number,
                    List.of(new Evaluation(1, 1, OptionalDouble.of(1.0 / number), 1))));
        }
        assertThat(tried).extracting(Trial::configuration).doesNotHaveDuplicates();
    }

    /** (2 ranks x 2 values of learns + 1) x 3 ways to leave a group out, and one way to have no layers at all. */
    @Test
    void groupsOfLayersAreLeftOutButNeverAll() throws Exception {
        JsonNode pdp = JsonBody.MAPPER.readTree("{\"type\":\"pdp\",\"sparsity\":0.5}");
        SearchSpace space = new SearchSpace(
                List.of(
                        new Method("lora", true, true, true, List.of(TextNode.valueOf("all"), pdp)),
                        new Method("ia3", false, true, true, List.of(TextNode.valueOf("all"))),
                        new Method("prompt_tuning", false, false, false, List.of(TextNode.valueOf("all")))),
                List.of(1, 4),
                List.of(),
                List.of(new TreeSet<>(List.of(0, 1)), new TreeSet<>(List.of(2))),
                List.of());
        assertThat(space.size()).isEqualTo(16);
        List<Configuration> all = space.all().toList();
        assertThat(all).hasSize(16).doesNotHaveDuplicates();
        assertThat(all)
                .extracting(Configuration::toString)
                .contains(
                        "peft=lora, rank=4, learns=pdp sparsity=0.5, layers=0+1",
                        "peft=lora, rank=1, layers=2",
                        "peft=ia3, layers=0+1+2",
                        "peft=prompt_tuning");
        SplittableRandom random = new SplittableRandom(1);
        assertThat(Stream.generate(() -> space.draw(random)).limit(2000).distinct())
                .containsExactlyInAnyOrderElementsOf(all);
        assertThat(all.stream().map(space::point).map(Arrays::toString)).doesNotHaveDuplicates();
        assertThat(space.shapes()).hasSize(6).allMatch(shape -> all.contains(shape));
        assertThat(space.shapes().get(0).values().path("layers")).hasSize(3);
    }
}
