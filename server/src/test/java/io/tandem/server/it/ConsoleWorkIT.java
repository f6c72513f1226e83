package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** What operators do in {@code /console}, and what it shows them of adapters, tenants and both workloads. */
@Timeout(180)
class ConsoleWorkIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final String JOBS = "/v1/fine_tuning/jobs/";
    private static final String COMPLETION = "{\"model\":\"tiny\",\"prompt\":\"Once\",\"max_tokens\":8}";
    private static final int MOST_STOPS = 100;

    @TempDir
    private static Path directory;

    private static Browser browser;
    private static Console console;
    private static RunningServer operator;
    private static AdapterClient adapters;

    @BeforeAll
    static void start() throws Exception {
        console = Console.start(directory);
        browser = console.browser();
        operator = console.operator();
        adapters = new AdapterClient(operator, directory);
    }

    @AfterAll
    static void stop() {
        if (console != null) {
            console.close();
        }
    }

    @BeforeEach
    void signIn() {
        console.signIn();
    }

    private static Adapter adapter(long seed) {
        return TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, seed);
    }

    /** What the view's table has; null as long as it has no such row. */
    private static String cell(String row, String column) {
        return (String) browser.evaluate("(([head, ...rows]) => rows.find(row => row.cells[0].textContent.startsWith('"
                + row + "'))?.cells[[...head.cells].findIndex(cell => cell.textContent === '" + column
                + "')].textContent)([...document.querySelectorAll('main table tr')])");
    }

    private static void awaitCell(String row, String column, String text) throws Exception {
        Browser.await(row + " has " + text, () -> text.equals(cell(row, column)));
    }

    @Test
    void anAdapterShowsItsTierSizeAndVersions() throws Exception {
        adapters.create("shown", adapter(1));
        String current = adapters.create("shown", adapter(2)).path("version").asText();
        adapters.text("shown");
        console.view("Adapters");
        awaitCell("shown", "Version", current);
        JsonNode entry = adapters.get("shown");
        assertThat(cell("shown", "Tier"))
                .isEqualTo("device")
                .isEqualTo(entry.path("tier").asText());
        String size = cell("shown", "Size");
        assertThat(size).matches("[\\d.]+ kB");
        assertThat(1000 * Double.parseDouble(size.replace(" kB", "")))
                .isCloseTo(entry.path("bytes").asDouble(), within(500.0));
        JsonNode old = entry.at("/versions/0");
        assertThat(cell("shown", "Versions"))
                .matches("2" + old.path("id").asText() + " plain [\\d.]+ kB "
                        + old.path("tier").asText() + "● shown@" + current + " plain [\\d.]+ kB device");
        assertThat(browser.errors()).isEmpty();
    }

    @Test
    void aCanaryIsTriedMadeCurrentAndTakenBack() throws Exception {
        String first = adapters.create("tried", adapter(3)).path("version").asText();
        adapters.write("next", adapter(4));
        String second = operator.json(
                        operator.post("/v1/adapters", "{\"name\":\"tried\",\"path\":\"next\",\"canary_percent\":30}"))
                .at("/canary/version")
                .asText();
        console.view("Adapters");
        awaitCell("tried", "Canary", "30 % " + second);
        answerPercent("60");
        assertThat(cell("tried", "Canary")).isEqualTo("60 % " + second);
        assertThat(adapters.get("tried").at("/canary/percent").asDouble()).isEqualTo(60);
        answerPercent("0");
        assertThat(cell("tried", "Canary")).isEmpty();
        assertThat(adapters.version("tried", "")).isEqualTo("tried@" + first);
        answerPercent("5");
        assertThat(cell("tried", "Canary")).isEqualTo("5 % " + second);
        answerPercent("100");
        assertThat(cell("tried", "Version")).isEqualTo(second);
        assertThat(adapters.version("tried", "")).isEqualTo("tried@" + second);
        browser.control("tried", "Roll back").click();
        awaitCell("tried", "Version", first);
        assertThat(adapters.version("tried", "")).isEqualTo("tried@" + first);
        assertThat(browser.errors()).isEmpty();
    }

    private static void answerPercent(String percent) throws Exception {
        browser.control("tried", "Canary…").click();
        WebElement field = browser.find("dialog input[name=percent]");
        field.clear();
        field.sendKeys(percent, Keys.ENTER);
        browser.gone("dialog");
    }

    @Test
    void aTenantGetsAQuota() throws Exception {
        RunningServer caller = new Operator(operator).as(new Operator(operator).tenant("limited"), "inference");
        console.view("Tenants");
        browser.control("limited", "Quota…").click();
        browser.find("dialog input[name=requests_per_minute]").sendKeys("7", Keys.ENTER);
        browser.gone("dialog");
        assertThat(cell("limited", "Quota")).contains("requests per minute: 7");
        assertThat(caller.post("/v1/completions", COMPLETION).headers().firstValue("x-ratelimit-limit-requests"))
                .contains("7");
        assertThat(browser.errors()).isEmpty();
    }

    @Test
    void whatATenantUsedIsShownAndSaved() throws Exception {
        String tenant = new Operator(operator).tenant("busy");
        RunningServer caller = new Operator(operator).as(tenant, "inference");
        int prompt = 0;
        int answer = 0;
        for (int i = 0; i < 2; i++) {
            JsonNode used =
                    caller.json(caller.post("/v1/completions", COMPLETION)).path("usage");
            prompt += used.path("prompt_tokens").asInt();
            answer += used.path("completion_tokens").asInt();
        }
        String usage = "/v1/organization/usage/completions?start_time="
                + (Instant.now().getEpochSecond() - 86_400) + "&project_ids=" + tenant;
        // The last answer may be there before it is counted.
        Browser.await(
                "both requests are counted",
                () -> operator.json(operator.get(usage)).findValues("num_model_requests").stream()
                                .mapToInt(JsonNode::asInt)
                                .sum()
                        == 2);
        console.view("Tenants");
        awaitCell("busy", "Requests", "2");
        assertThat(cell("busy", "Prompt tokens")).isEqualTo("" + prompt);
        assertThat(cell("busy", "Answer tokens")).isEqualTo("" + answer);
        browser.control("Usage as CSV").click();
        List<String> rows = Files.readAllLines(browser.downloaded("usage.csv"));
        assertThat(rows.get(0)).startsWith("date,project_id,model,num_model_requests,");
        String row = "[-\\d]+," + tenant + ",tiny,\\d+,\\d+,\\d+,\\d+,0";
        List<String[]> days = rows.stream()
                .filter(line -> line.matches(row))
                .map(line -> line.split(","))
                .toList();
        // Two if midnight came between the requests.
        assertThat(days).hasSizeBetween(1, 2);
        assertThat(sum(days, 3)).isEqualTo(2);
        assertThat(sum(days, 4)).isEqualTo(prompt);
        assertThat(sum(days, 6)).isEqualTo(answer);
        assertThat(browser.errors()).isEmpty();
    }

    private static int sum(List<String[]> rows, int column) {
        return rows.stream().mapToInt(row -> Integer.parseInt(row[column])).sum();
    }

    @Test
    void allChartsHaveDataWhileBothJobsRun() throws Exception {
        Map<String, Set<String>> charts = Map.of(
                "Tokens per second", Set.of("answers", "prompts", "training"),
                "Time to first token", Set.of("median", "p99", "target"),
                "Time per output token", Set.of("median", "p99", "target"),
                "Occupancy", Set.of("KV cache", "sequence slots", "adapter slots"));
        // A chart shows what a sample met: some sample may come between two answers.
        Map<String, Set<String>> seen = new HashMap<>();
        adapters.create("charted", adapter(5));
        JobClient jobs = new JobClient(operator);
        String job = jobs.endless();
        AtomicBoolean enough = new AtomicBoolean();
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<?> asking = thread.submit(() -> {
            while (!enough.get()) {
                operator.json(operator.post(
                        "/v1/completions",
                        "{\"model\":\"charted\",\"prompt\":\"Once\",\"max_tokens\":64,\"ignore_eos\":true}"));
            }
            return null;
        });
        try {
            browser.find(".numbers div");
            Browser.await("all charts have data", () -> {
                for (String chart : charts.keySet()) {
                    console.values(chart).forEach((series, value) -> {
                        if (value > 0) {
                            seen.computeIfAbsent(chart, each -> new HashSet<>()).add(series);
                        }
                    });
                }
                return seen.equals(charts);
            });
        } finally {
            enough.set(true);
            asking.get();
            thread.shutdown();
            jobs.cancel(job);
        }
        assertThat(browser.errors()).isEmpty();
    }

    /** Beside the base model, without leaving the job's page. */
    @Test
    void theNewestCheckpointOfAJobAnswers() throws Exception {
        String file = operator.upload("train.jsonl", TrainingFiles.chats(4000));
        JobClient jobs = new JobClient(operator);
        // Without end, and with checkpoints so seldom that the books keep up with it: the page's questions wait for
        // them.
        String id = jobs.create("{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"suffix\":\"sampled\","
                + "\"hyperparameters\":{\"n_epochs\":50,\"batch_size\":8,\"checkpoint_every\":50}}");
        jobs.awaitStep(id, 51);
        operator.post(JOBS + id + "/pause", "");
        // Its checkpoint comes later than its status, and then this message.
        jobs.awaitMessage(id, "is paused after step");
        String newest = operator.json(operator.get(JOBS + id + "/checkpoints"))
                .at("/data/0/fine_tuned_model_checkpoint")
                .asText();
        browser.resize(360, 740);
        browser.evaluate("location.hash = '#jobs/" + id + "'");
        browser.find("details.samples:not([hidden]) summary").click();
        browser.find("details textarea[name=prompt]").sendKeys("what is 1");
        assertThat(browser.focused().getAttribute("name")).isEqualTo("prompt");
        WebElement tokens = browser.find("details input[name=tokens]");
        tokens.clear();
        tokens.sendKeys("8", Keys.ENTER);
        WebElement second = browser.find("details .cards section:nth-child(2) input");
        assertThat(second.getAttribute("value")).isEqualTo(newest);
        Browser.await(
                "both answered",
                () -> browser.all("details .cards p").stream()
                        .allMatch(speed -> speed.getText().matches("\\d+ tokens.*")));
        List<String> answers = List.of(answer("tiny"), answer(newest));
        assertThat(browser.evaluate("[...document.querySelectorAll('.output')].map(each => each.textContent)"))
                .isEqualTo(answers);
        browser.fits();
        browser.screenshot("phone-samples");
        Browser.click(() -> browser.control("Resume"));
        Browser.await(
                "a newer one is named", () -> !second.getAttribute("value").equals(newest));
        jobs.cancel(id);
        assertThat(browser.errors()).isEmpty();
    }

    private static String answer(String model) throws Exception {
        return operator.json(operator.post(
                        "/v1/chat/completions",
                        "{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"what is 1\"}],"
                                + "\"max_tokens\":8,\"temperature\":0}"))
                .at("/choices/0/message/content")
                .asText();
    }

    @Test
    void theKeyboardReachesEveryView() throws Exception {
        browser.focused().sendKeys(Keys.TAB);
        assertThat(browser.focused().getText()).isEqualTo("Skip to content");
        for (String name : List.of("Overview", "Jobs", "Adapters", "Tenants", "Playground")) {
            browser.focused().sendKeys(Keys.TAB);
            assertThat(browser.focused().getText()).isEqualTo(name);
            browser.focused().sendKeys(Keys.ENTER);
            Browser.await(
                    name + " is shown",
                    () -> name.equals(browser.find("nav a[aria-current]").getText()));
        }
        Browser.await(
                "a question is asked for",
                () -> "prompt".equals(browser.focused().getAttribute("name")));
        assertThat(browser.errors()).isEmpty();
        browser.focused().sendKeys(Keys.chord(Keys.SHIFT, Keys.TAB));
        assertThat(browser.focused().getText()).isEqualTo("Forget key");
        browser.focused().sendKeys(Keys.ENTER);
        browser.find("input[name=key]");
        assertThat(browser.focused().getAttribute("name")).isEqualTo("key");
        browser.focused().sendKeys(operator.key(), Keys.ENTER);
        browser.find("textarea[name=prompt]");
    }

    @Test
    void adaptersAreMergedByKeyboard() throws Exception {
        adapters.create("one", adapter(6));
        adapters.create("two", adapter(7));
        browser.evaluate("location.hash = '#adapters'");
        browser.control("two", "Pin");
        tabTo("main button.main").sendKeys(Keys.ENTER);
        browser.find("dialog input[name=ids]");
        tabTo("dialog input[value=one]").sendKeys(Keys.SPACE);
        tabTo("dialog input[value=two]").sendKeys(Keys.SPACE);
        tabTo("dialog input[name=weights]").sendKeys("0.5 0.5");
        tabTo("dialog input[name=name]").sendKeys("merged-by-keyboard");
        tabTo("dialog button.main").sendKeys(Keys.ENTER);
        browser.gone("dialog");
        assertThat(cell("merged-by-keyboard", "Tier")).isNotNull();
        assertThat(adapters.get("merged-by-keyboard").at("/versions/0/origin").asText())
                .contains("one", "two");
        assertThat(browser.focused().getText()).isEqualTo("Merge…");
        assertThat(browser.errors()).isEmpty();
    }

    /** Presses Tab until the focus is there. */
    private static WebElement tabTo(String css) {
        for (int stops = 0; stops < MOST_STOPS; stops++) {
            if (browser.evaluate("document.activeElement.matches('" + css + "')")
                    .equals(true)) {
                return browser.focused();
            }
            browser.focused().sendKeys(Keys.TAB);
        }
        throw new AssertionError("Tab does not lead to " + css);
    }
}
