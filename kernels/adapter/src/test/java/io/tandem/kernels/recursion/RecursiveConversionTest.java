package io.tandem.kernels.recursion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Recursion;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a conversion writes, and what becomes of one that is broken off. */
class RecursiveConversionTest {
    private static final int LAYERS = 4;
    private static final Site QUERIES = new Site(2, TargetModule.Q_PROJ);

    @TempDir
    Path directory;

    private TinyModel tiny;

    @BeforeEach
    void write() throws IOException {
        tiny = TinyModel.of(
                ModelConfig.llama(LAYERS, 16, 2, 1, 8, 20, 61).maxPositions(64).build(), 5);
        tiny.write(base());
    }

    private Path base() {
        return directory.resolve("base");
    }

    private Path output() {
        return directory.resolve("output");
    }

    private RecursiveConversion conversion(int loops, int rank, SharedWeights start) {
        return new RecursiveConversion(ModelSource.open(base()), loops, rank, start);
    }

    private RecursiveConversion.Report write(int loops, int rank, SharedWeights start) throws IOException {
        return conversion(loops, rank, start).write(output(), (done, total, what) -> {});
    }

    private float[] weight(int layer) {
        return tiny.weights().get(WeightNames.weight(layer, TargetModule.Q_PROJ));
    }

    /** As in the paper, section 2.3: of 18 layers and two loops, say, layers 0, 2, ... and the last. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "STEPWISE | 4 | 8 | 0 2 5 7",
                "STEPWISE | 9 | 18 | 0 2 4 6 9 11 13 15 17",
                "STEPWISE | 1 | 4 | 0",
                "LOWER | 4 | 8 | 0 1 2 3"
            })
    void layersThatABlockIsMadeOf(SharedWeights start, int block, int layers, String expected) {
        List<Integer> sources = Stream.iterate(0, layer -> layer + 1)
                .limit(block)
                .flatMap(layer -> start.sources(layer, block, layers).stream())
                .toList();
        assertThat(sources)
                .isEqualTo(Arrays.stream(expected.split(" "))
                        .map(Integer::parseInt)
                        .toList());
        assertThat(SharedWeights.AVERAGE.sources(1, 2, 6)).containsExactly(1, 3, 5);
    }

    @Test
    void whatIsWritten() throws IOException {
        RecursiveConversion.Report report = write(2, 3, SharedWeights.AVERAGE);
        ModelFiles files = ModelSource.open(output());
        ModelConfig model = ModelConfigReader.read(files.config());
        assertThat(model.recursion()).contains(new Recursion(2, 3));
        assertThat(model.blockLayers()).isEqualTo(2);
        assertThat(model.architecture()).isEqualTo("LlamaForCausalLM");
        Checkpoint weights = files.weights();
        WeightNames.validate(weights, model);
        assertThat(weights.names())
                .contains(
                        "model.layers.3.input_layernorm.weight",
                        "model.layers.1.self_attn.q_proj.weight",
                        "model.layers.3.self_attn.q_proj.lora_A.weight")
                .doesNotContain("model.layers.2.self_attn.q_proj.weight");
        float[] mean = weights.floats("model.layers.0.self_attn.q_proj.weight");
        for (int i = 0; i < mean.length; i++) {
            assertThat(mean[i]).isEqualTo((float) (((double) weight(0)[i] + weight(2)[i]) / 2));
        }
        assertThat(files.weightFiles()).hasSize(3);
        assertThat(output().resolve("conversion.json")).doesNotExist();
        assertThat(directory.resolve("output.part")).doesNotExist();
        long bytes = weights.names().stream()
                .mapToLong(name -> weights.entry(name).bytes())
                .sum();
        assertThat(report.after()).isEqualTo(bytes);
        assertThat(report.before())
                .isEqualTo(tiny.weights().values().stream()
                        .mapToLong(values -> 4L * values.length)
                        .sum());
        assertThat(report.lost()).isBetween(0.01, 0.9);
    }

    /** The nearest product of the rank, so each rank more brings the layers nearer to what they were. */
    @Test
    void moreRanksLoseLess() throws IOException {
        double last = 1;
        for (int rank : new int[] {1, 4, 9, 16}) {
            double lost = write(2, rank, SharedWeights.LOWER).lost();
            assertThat(lost).isLessThan(last);
            last = lost;
            ModelFiles files = ModelSource.open(output());
            BaseWeights weights = BaseWeights.of(files.weights(), ModelConfigReader.read(files.config()));
            float[] own = weights.of(QUERIES);
            assertThat(weights.of("model.embed_tokens"))
                    .isEqualTo(files.weights().floats(WeightNames.EMBEDDING));
            double difference = 0;
            for (int i = 0; i < own.length; i++) {
                difference = Math.max(difference, Math.abs(own[i] - weight(2)[i]));
            }
            assertThat(difference < 1e-5).isEqualTo(rank == 16);
            try (Stream<Path> all = Files.list(output())) {
                for (Path file : all.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(output());
        }
        assertThat(last).isLessThan(1e-9);
    }

    /** A layer that gave the block its weights has nothing beside them. */
    @Test
    void layersOfTheBlockItselfHaveNoFactors() throws IOException {
        write(2, 3, SharedWeights.STEPWISE);
        assertThat(ModelSource.open(output()).weights().names().stream().filter(name -> name.contains("q_proj.lora_A")))
                .containsExactly(
                        "model.layers.1.self_attn.q_proj.lora_A.weight",
                        "model.layers.2.self_attn.q_proj.lora_A.weight");
    }

    @Test
    void withoutFactorsOnlyTheBlockIsLeft() throws IOException {
        assertThat(write(4, 0, SharedWeights.AVERAGE).lost()).isZero();
        assertThat(ModelSource.open(output()).weights().names()).noneMatch(name -> name.contains("lora"));
    }

    @Test
    void aConversionThatWasBrokenOffGoesOn() throws IOException {
        write(2, 3, SharedWeights.AVERAGE);
        Map<String, String> whole = contents(output());
        Files.move(output(), directory.resolve("whole"));
        assertThatThrownBy(() -> conversion(2, 3, SharedWeights.AVERAGE).write(output(), (done, total, what) -> {
                    if (what.contains("layers.1.")) {
                        throw new IllegalStateException("the power is gone");
                    }
                }))
                .hasMessage("the power is gone");
        assertThat(output()).doesNotExist();
        assertThatThrownBy(() -> write(2, 4, SharedWeights.AVERAGE))
                .isInstanceOf(FileAlreadyExistsException.class)
                .hasMessageContaining("output.part")
                .hasMessageContaining("with other settings");
        long[] first = {0};
        conversion(2, 3, SharedWeights.AVERAGE).write(output(), (done, total, what) -> {
            first[0] = first[0] == 0 ? done : first[0];
            assertThat(total).isEqualTo(28);
        });
        assertThat(first[0])
                .as("the first layer's linears of both loops are there")
                .isEqualTo(15);
        assertThat(contents(output())).isEqualTo(whole);
    }

    /** Of each file, as text of its numbers. */
    private static Map<String, String> contents(Path directory) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        try (Stream<Path> all = Files.list(directory)) {
            for (Path file : all.toList()) {
                contents.put(file.getFileName().toString(), Arrays.toString(Files.readAllBytes(file)));
            }
        }
        return contents;
    }

    @Test
    void whatCannotBeConvertedIsRefused() throws IOException {
        assertThatThrownBy(() -> conversion(3, 2, SharedWeights.AVERAGE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("4 layers cannot be 3 loops");
        assertThatThrownBy(() -> conversion(1, 2, SharedWeights.AVERAGE)).hasMessageContaining("1 loops");
        write(2, 2, SharedWeights.AVERAGE);
        assertThatThrownBy(() -> write(2, 2, SharedWeights.AVERAGE)).isInstanceOf(FileAlreadyExistsException.class);
        assertThatThrownBy(() -> new RecursiveConversion(ModelSource.open(output()), 2, 2, SharedWeights.AVERAGE))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("is a recursive model already");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"loops\" : 2 | \"loops\" : 3 | recursion.loops is 3, expected a divisor of the 4 layers",
                "\"loops\" : 2 | \"loops\" : 1 | recursion.loops is 1, expected an integer of 2 to 4",
                "\"loops\" : 2 | \"loops\" : 2000000000 | recursion.loops is 2000000000",
                "\"rank\" : 2 | \"rank\" : -1 | recursion.rank is -1",
                "\"rank\" : 2 | \"rank\" : null | recursion.rank is null",
                "\"rank\" : 2 | \"rank\" : 3 | lora_A.weight is [2, 16], expected [3, 16]",
                "\"model_type\" : \"recursive\" | \"model_type\" : \"llama\" | model_type is \"llama\", expected recursive",
                "LlamaForCausalLM | GreatForCausalLM | recursion.architecture is \"GreatForCausalLM\", expected one of Llama",
            })
    void damagedFilesAreRefused(String old, String with, String why) throws IOException {
        write(2, 2, SharedWeights.AVERAGE);
        Path config = output().resolve("config.json");
        String text = Files.readString(config);
        assertThat(text).contains(old);
        Files.writeString(config, text.replace(old, with));
        assertThatThrownBy(() -> {
                    ModelFiles files = ModelSource.open(output());
                    WeightNames.validate(files.weights(), ModelConfigReader.read(files.config()));
                })
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(why);
    }

    @Test
    void oneFactorAloneIsRefused() throws IOException {
        write(2, 2, SharedWeights.AVERAGE);
        ModelFiles files = ModelSource.open(output());
        Map<String, Tensor> tensors = new TreeMap<>();
        Checkpoint weights = files.weights();
        weights.names().stream()
                .filter(name -> !name.equals("model.layers.1.self_attn.q_proj.lora_B.weight"))
                .forEach(name -> tensors.put(
                        name, new Tensor(StoredType.F32, weights.entry(name).shape(), weights.floats(name))));
        Path one = directory.resolve("one");
        Files.createDirectory(one);
        SafetensorsWriter.write(one.resolve("model.safetensors"), tensors);
        assertThatThrownBy(() -> WeightNames.validate(Checkpoint.open(one), ModelConfigReader.read(files.config())))
                .hasMessageContaining("model.layers.1.self_attn.q_proj.lora_B.weight is missing, expected [16, 2]");
    }
}
