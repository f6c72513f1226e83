package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FileObject;
import com.openai.models.files.FilePurpose;
import com.openai.models.finetuning.jobs.FineTuningJob;
import com.openai.models.finetuning.jobs.FineTuningJobEvent;
import com.openai.models.finetuning.jobs.JobCreateParams;
import com.openai.models.finetuning.jobs.checkpoints.FineTuningJobCheckpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** OpenAI's own client trains models: files, jobs, events and checkpoints. */
@Timeout(120)
class OpenAiJobsIT {
    @TempDir
    private Path directory;

    private RunningServer server;
    private OpenAIClient client;

    @BeforeEach
    void start() throws IOException {
        server = RunningServer.start(directory);
        client = connect();
    }

    private OpenAIClient connect() {
        return OpenAIOkHttpClient.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .maxRetries(0)
                .build();
    }

    @AfterEach
    void stop() {
        client.close();
        server.close();
    }

    @Test
    void teachesANewModelThatSurvivesARestart() throws Exception {
        FineTuningJob job = createJob(30, 8);
        // Somebody else is answered in the meantime.
        assertThat(answer(client.chat().completions().create(chat(RunningServer.MODEL, "a", 5))))
                .isNotNull();
        FineTuningJob ended = waitFor(job.id());
        assertThat(ended.status()).isEqualTo(FineTuningJob.Status.SUCCEEDED);
        String model = ended.fineTunedModel().orElseThrow();
        assertThat(model).startsWith("ft:tiny:letters:");
        assertThat(learned(model)).isEqualTo(List.of("ok0", "ok1", "ok2", "ok3"));
        assertThat(client.fineTuning().jobs().listEvents(job.id()).data()).isNotEmpty();
        assertThat(client.fineTuning().jobs().list().data()).hasSize(1);
        stop();
        start();
        assertThat(learned(model)).isEqualTo(List.of("ok0", "ok1", "ok2", "ok3"));
        assertThat(client.fineTuning().jobs().retrieve(job.id()).status()).isEqualTo(FineTuningJob.Status.SUCCEEDED);
    }

    @Test
    void cancelsAJob() throws Exception {
        // So many steps that it is not done by then.
        FineTuningJob job = createJob(50, 1);
        assertThat(client.fineTuning().jobs().cancel(job.id()).status()).isEqualTo(FineTuningJob.Status.CANCELLED);
        assertThat(client.models().list().data()).hasSize(1);
    }

    @Test
    void pausesResumesAndListsCheckpoints() throws Exception {
        // So many steps that it is not done before it pauses.
        FineTuningJob job = createJob(50, 4);
        assertThat(client.fineTuning().jobs().pause(job.id()).status().asString())
                .isEqualTo("paused");
        assertThat(client.fineTuning().jobs().resume(job.id()).status()).isEqualTo(FineTuningJob.Status.QUEUED);
        assertThat(waitFor(job.id()).status()).isEqualTo(FineTuningJob.Status.SUCCEEDED);
        List<FineTuningJobCheckpoint> checkpoints =
                client.fineTuning().jobs().checkpoints().list(job.id()).data();
        assertThat(checkpoints).isNotEmpty();
        checkpoints.forEach(FineTuningJobCheckpoint::validate);
        assertThat(checkpoints.get(0).metrics().trainMeanTokenAccuracy()).hasValue(1.0);
        client.fineTuning().jobs().retrieve(job.id()).validate();
        client.fineTuning().jobs().listEvents(job.id()).data().forEach(FineTuningJobEvent::validate);
        assertThat(learned(checkpoints.get(0).fineTunedModelCheckpoint())).contains("ok0", "ok1", "ok2", "ok3");
    }

    private FineTuningJob createJob(long epochs, long batchSize) throws IOException {
        Path training = Files.writeString(directory.resolve("train.jsonl"), examples());
        FileObject file = client.files()
                .create(FileCreateParams.builder()
                        .file(training)
                        .purpose(FilePurpose.FINE_TUNE)
                        .build());
        return client.fineTuning()
                .jobs()
                .create(JobCreateParams.builder()
                        .model(RunningServer.MODEL)
                        .trainingFile(file.id())
                        .suffix("letters")
                        .seed(5)
                        .method(method(epochs, batchSize))
                        .build());
    }

    private List<String> learned(String model) {
        return IntStream.range(0, 4)
                .mapToObj(i -> answer(client.chat().completions().create(chat(model, "q" + i, 8))))
                .toList();
    }

    private FineTuningJob waitFor(String id) throws InterruptedException {
        FineTuningJob job = client.fineTuning().jobs().retrieve(id);
        while (job.finishedAt().isEmpty()) {
            Thread.sleep(200);
            job = client.fineTuning().jobs().retrieve(id);
        }
        return job;
    }

    private static String examples() {
        return IntStream.range(0, 40)
                .mapToObj(i -> "{\"messages\":[{\"role\":\"user\",\"content\":\"q" + i % 4
                        + "\"},{\"role\":\"assistant\",\"content\":\"ok" + i % 4 + "\"}]}\n")
                .collect(Collectors.joining());
    }

    private static JobCreateParams.Method method(long epochs, long batchSize) {
        return JobCreateParams.Method.builder()
                .type(JobCreateParams.Method.Type.SUPERVISED)
                .supervised(com.openai.models.finetuning.methods.SupervisedMethod.builder()
                        .hyperparameters(com.openai.models.finetuning.methods.SupervisedHyperparameters.builder()
                                .nEpochs(epochs)
                                .batchSize(batchSize)
                                .learningRateMultiplier(5.0)
                                .build())
                        .build())
                .build();
    }

    private static ChatCompletionCreateParams chat(String model, String question, int maxTokens) {
        return ChatCompletionCreateParams.builder()
                .model(model)
                .addUserMessage(question)
                .maxCompletionTokens(maxTokens)
                .temperature(0.0)
                .build();
    }

    private static String answer(ChatCompletion completion) {
        return completion.choices().get(0).message().content().orElseThrow();
    }
}
