-- What is refused, noted or entered when a row changes; the functions say why.

CREATE TRIGGER guard_date BEFORE INSERT ON scoring.scoring_runs
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_date();
CREATE TRIGGER guard_runs BEFORE INSERT OR UPDATE ON scoring.scoring_runs
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_runs();
CREATE TRIGGER keep_published_run BEFORE UPDATE ON scoring.scoring_runs
    FOR EACH ROW EXECUTE FUNCTION scoring.keep_published_run();
CREATE TRIGGER keep_expired_run BEFORE UPDATE ON scoring.scoring_runs
    FOR EACH ROW WHEN (OLD.expired_at IS NOT NULL) EXECUTE FUNCTION scoring.keep_expired_run();
CREATE TRIGGER stamp_status BEFORE UPDATE OF status ON scoring.scoring_runs
    FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION scoring.stamp_status();

CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.run_parts
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('ledger');
CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.run_metrics
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('metrics');
CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.feature_metrics
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('metrics');
CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.profiles
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('profiles');

CREATE TRIGGER guard_writing BEFORE INSERT ON scoring.prediction_rows
    FOR EACH STATEMENT EXECUTE FUNCTION scoring.guard_writing();
CREATE TRIGGER guard_rows AFTER INSERT ON scoring.prediction_rows
    FOR EACH ROW WHEN (NEW.run_id * 1048576 + (NEW.score_date - '1970-01-01') <> currval('scoring.writing'))
    EXECUTE FUNCTION scoring.guard_rows();
CREATE TRIGGER guard_writing BEFORE INSERT ON scoring.rejected_rows
    FOR EACH STATEMENT EXECUTE FUNCTION scoring.guard_writing();
CREATE TRIGGER guard_rows AFTER INSERT ON scoring.rejected_rows
    FOR EACH ROW WHEN (NEW.run_id <> currval('scoring.writing') >> 20) EXECUTE FUNCTION scoring.guard_rows();

CREATE TRIGGER guard_date BEFORE INSERT ON scoring.alerts
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_date();

CREATE TRIGGER seal_decision BEFORE INSERT ON scoring.decisions
    FOR EACH ROW EXECUTE FUNCTION scoring.seal_decision();
CREATE TRIGGER keep_decisions BEFORE UPDATE OR DELETE OR TRUNCATE ON scoring.decisions
    FOR EACH STATEMENT EXECUTE FUNCTION scoring.keep_decisions();
CREATE TRIGGER record_erasure AFTER INSERT ON scoring.erasures
    FOR EACH ROW EXECUTE FUNCTION scoring.record_erasure();
CREATE TRIGGER erase_alerts AFTER INSERT ON scoring.erasures
    FOR EACH ROW EXECUTE FUNCTION scoring.erase_alerts();
